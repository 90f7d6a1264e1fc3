// Package deploy runs what the files of deploy and docs/deploy.md say: nginx with our
// configuration in front of real nodes, and the checks of the module in lint.
package deploy

import (
	"os/exec"
	"testing"

	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/postgres"
	"uploadd/test/program"
)

func TestMain(m *testing.M) { program.Main(m) }

// The manifests and the Compose file pass the checks of the module in lint, whose
// dependencies are none of ours.
func TestLint(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("go", "test", "-count=1", "./...")
	cmd.Dir = "lint"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// shared is what nodes have in common.
type shared struct {
	meta, blobs, key string
}

// share sets up a database, a directory of blobs, and a key.
func share(t *testing.T) shared {
	t.Helper()
	s := shared{meta: postgres.Start(t).Database(), blobs: t.TempDir()}
	out := uploadstest.Must(exec.Command(program.Path(), "keys", "create", "--project=team", "--meta="+s.meta, "--blobs="+s.blobs).Output())(t)
	s.key = string(out[:len(out)-1])
	return s
}

func (s shared) node(t *testing.T, flags ...string) *program.Server {
	t.Helper()
	return program.Start(t, program.Options{Flags: append(flags, "--meta="+s.meta, "--blobs="+s.blobs)})
}
