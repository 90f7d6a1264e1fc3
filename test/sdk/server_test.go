// Package sdk runs the official SDKs, unmodified, against the built program.
package sdk

import (
	"testing"

	"uploadd/test/program"
)

func TestMain(m *testing.M) { program.Main(m) }

// serve starts a server of the test's own and returns its URL, without /v1.
func serve(t testing.TB) string {
	t.Helper()
	return program.Start(t, program.Options{}).URL
}
