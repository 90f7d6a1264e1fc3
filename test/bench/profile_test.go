package bench

import (
	"testing"
)

func measureProfiles(t *testing.T, b *bench) {}
