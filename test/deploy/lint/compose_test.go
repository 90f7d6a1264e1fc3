package lint

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

const composeFile = "../../../deploy/compose.yaml"

// load reads the file as `docker compose config` does.
func load(t *testing.T, env types.Mapping) (*types.Project, error) {
	t.Helper()
	dir, err := filepath.Abs(filepath.Dir(composeFile))
	if err != nil {
		t.Fatal(err)
	}
	return loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  dir,
		ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(dir, "compose.yaml")}},
		Environment: env,
	})
}

// filledIn is the example of the settings, with something in every place.
func filledIn(t *testing.T) types.Mapping {
	t.Helper()
	env, err := dotenv.Read("../../../deploy/env.example")
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range env {
		if value == "" {
			env[name] = "filled-in-" + name
		}
	}
	return env
}

// Compose takes the file whole, with what the example says, and with nothing less.
func TestCompose(t *testing.T) {
	p, err := load(t, filledIn(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Services) != 6 {
		t.Errorf("%d services, want 6", len(p.Services))
	}
	for name := range filledIn(t) {
		less := filledIn(t)
		delete(less, name)
		if _, err := load(t, less); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v", name, err)
		}
	}
}

// No secret is written in the file.
func TestComposeSecrets(t *testing.T) {
	text, err := os.ReadFile(composeFile)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		for _, word := range []string{"PASSWORD", "SECRET", "_KEY"} {
			if strings.Contains(name, word) && !strings.HasPrefix(value, "${") {
				t.Errorf("%s is in the file", name)
			}
		}
	}
}

// Nodes are alike, wait for what they need, and are given the time that they take.
func TestComposeNodes(t *testing.T) {
	p, err := load(t, filledIn(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"node1", "node2", "node3"} {
		s, err := p.GetService(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, needed := range []string{"postgres", "s3"} {
			if s.DependsOn[needed].Condition != types.ServiceConditionHealthy {
				t.Errorf("%s does not wait for %s", name, needed)
			}
		}
		if s.StopGracePeriod == nil || time.Duration(*s.StopGracePeriod) < (drain+5)*time.Second {
			t.Errorf("%s is stopped within %v", name, s.StopGracePeriod)
		}
		if !s.ReadOnly || len(s.Ports) != 0 || len(s.CapDrop) != 1 {
			t.Errorf("%s: read-only %v, ports %v, drops %v", name, s.ReadOnly, s.Ports, s.CapDrop)
		}
	}
	for _, name := range []string{"postgres", "s3"} {
		s, err := p.GetService(name)
		if err != nil || s.HealthCheck == nil || len(s.Ports) != 0 || len(s.Volumes) != 1 {
			t.Errorf("%s: %v, health %v, ports %v, volumes %v", name, err, s.HealthCheck, s.Ports, s.Volumes)
		}
	}
}
