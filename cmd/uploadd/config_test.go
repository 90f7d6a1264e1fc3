package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"uploadd/internal/uploads/uploadstest"
)

// file makes a file of settings.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "uploadd.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// inForce returns what config says of each setting, and where it has it from.
func inForce(t *testing.T, args ...string) map[string][2]string {
	t.Helper()
	code, stdout, stderr := invoke(t, append([]string{"config"}, args...)...)
	if code != 0 {
		t.Fatalf("config %q: exit %d, %s", args, code, stderr)
	}
	said := map[string][2]string{}
	for _, m := range regexp.MustCompile(`(?m)^(?:# )?(\S+) = (.*?) +# (.+)$`).FindAllStringSubmatch(stdout, -1) {
		said[m[1]] = [2]string{m[2], m[3]}
	}
	return said
}

// A flag comes before the environment, the environment before the file, and the file
// before what is built in.
func TestPrecedence(t *testing.T) {
	t.Setenv("UPLOADD_MAX_FILE", "2MiB")
	t.Setenv("UPLOADD_MAX_PART", "2MiB")
	path := file(t, `
max-part = "1MiB"
max-file = "1MiB"
max-upload = 1000001 # bytes
upload-ttl = "90m"
quiet = true
acme-domain = ["a.example.com", "b.example.com"]
`)
	said := inForce(t, "--config", path, "--max-part=3MiB")
	for name, want := range map[string][2]string{
		"max-part":    {`"3.0 MiB"`, "the command line"},
		"max-file":    {`"2.0 MiB"`, "UPLOADD_MAX_FILE"},
		"max-upload":  {`"1000001"`, path},
		"upload-ttl":  {`"1h30m0s"`, path},
		"quiet":       {`true`, path},
		"acme-domain": {`["a.example.com", "b.example.com"]`, path},
		"log-format":  {`"json"`, "default"},
		"tls-cert":    {`""`, "default"},
	} {
		if said[name] != want {
			t.Errorf("%s is said to be %q, want %q", name, said[name], want)
		}
	}
}

// What config prints is a file that gives the same settings, each of them.
func TestConfigIsAFile(t *testing.T) {
	args := []string{"--listen=127.0.0.1:1234", "--max-part=123456789", "--log-format=text", "--data=a \"b\" \\ <c>",
		"--blobs=s3://bucket/p?endpoint=https://s3.example.com&region=x", "--acme-domain=a.example.com", "--acme-domain=b.example.com"}
	code, first, stderr := invoke(t, append([]string{"config"}, args...)...)
	if code != 0 {
		t.Fatal(stderr)
	}
	again := inForce(t, "--config", file(t, first))
	for name, was := range inForce(t, args...) {
		if again[name][0] != was[0] {
			t.Errorf("%s was %s, and is %s when read from what config printed", name, was[0], again[name][0])
		}
	}
	_, help, _ := invoke(t, "serve", "--help")
	for _, m := range regexp.MustCompile(`--([a-z][a-z0-9-]+)`).FindAllStringSubmatch(help, -1) {
		if _, ok := again[m[1]]; !ok && m[1] != "help" && m[1] != "config" {
			t.Errorf("config says nothing of --%s", m[1])
		}
	}
}

// Nobody reads a password over somebody's shoulder.
func TestConfigHidesPasswords(t *testing.T) {
	_, stdout, _ := invoke(t, "config", "--meta=postgres://u:canary@db/x?sslmode=require&password=canary&sslpassword=canary", "--blobs=s3://b/p?region=r")
	if strings.Contains(stdout, "canary") || !strings.Contains(stdout, "sslmode=require") || !strings.Contains(stdout, "s3://b/p?region=r") {
		t.Errorf("it says\n%s", stdout)
	}
}

// What is no URL of a store is refused, and not shown either.
func TestConfigHidesWhatIsWrong(t *testing.T) {
	for _, args := range [][]string{
		{"--meta=host=db user=u password=canary"},
		{"--meta=postgres:u:canary@db/x"},
		{"--meta=postgres://u:canary%zz@db/x"},
		{"--blobs=s3://b/p?secret_access_key=canary"},
		{"--blobs=s3://b/p?endpoint=http://u:canary@s3:9000"},
		{"--config=" + file(t, `meta = ["postgres://u:canary@db/x"]`)},
	} {
		if _, stdout, stderr := invoke(t, append([]string{"config"}, args...)...); strings.Contains(stdout+stderr, "canary") {
			t.Errorf("%q: it says\n%s%s", args, stdout, stderr)
		}
	}
}

// A setting that cannot be meant stops the server before it begins, and the message
// says where it is and what to do.
func TestConfigRefused(t *testing.T) {
	for text, want := range map[string]string{
		`lissten = "x"`:                       "there is no setting 'lissten'",
		`max_part = "1MiB"`:                   "write it 'max-part'",
		`maxPart = "1MiB"`:                    "write it 'max-part'",
		`help = true`:                         "there is no setting 'help'",
		`max-part = "12Q"`:                    "'12Q' is not a size",
		`max-part = "0"`:                      "'0' is not a size",
		`upload-ttl = 3`:                      "missing unit",
		`listen = { host = "a" }`:             "'listen' must be",
		`listen = "a`:                         "line 1",
		"quiet = true\nquiet=false":           "line 2",
		`log-level = "loud"`:                  "'loud' is not one of debug, info, warn, error",
		`quiet = "perhaps"`:                   "bool",
		`listen = "8080"`:                     "write it like 127.0.0.1:8080",
		`upload-ttl = "10ms"`:                 "at least 1s",
		`stop-time = "-1s"`:                   "less than nothing",
		`meta = "postgres://db/x"`:            "say where those are with --blobs",
		"quiet = true\nlog-level = \"debug\"": "leave one of them out",
		`metrics-listen = "9464"`:             "write it like 127.0.0.1:9464",
		`debug-listen = "0.0.0.0:6060"`:       "loopback address only",
		"tls-cert = \"x\"":                    "without --tls-key",
	} {
		path := file(t, text)
		for _, command := range []string{"config", "serve"} {
			code, _, stderr := invoke(t, command, "--config", path)
			if code == 0 || !strings.Contains(stderr, want) {
				t.Errorf("%s with %q: exit %d, %q; want a word of %q", command, text, code, stderr, want)
			}
			if fault := strings.Contains(stderr, "--"); !fault && !strings.Contains(stderr, path) {
				t.Errorf("%s with %q does not say where: %q", command, text, stderr)
			}
		}
	}
	code, _, stderr := invoke(t, "serve", "--config", filepath.Join(t.TempDir(), "none"))
	if code != 2 || !strings.Contains(stderr, "no such file") {
		t.Errorf("a file that does not exist: exit %d, %q", code, stderr)
	}
}

// All that is wrong is said at once.
func TestConfigSaysAll(t *testing.T) {
	_, _, stderr := invoke(t, "config", "--upload-ttl=0s", "--tls-cert=x", "--listen=x")
	for _, want := range []string{"--upload-ttl", "--tls-key", "--listen"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("%q says nothing of %s", stderr, want)
		}
	}
}

// A variable that is meant as a setting and is none is a mistake somebody would look
// for for long; those that Kubernetes makes of a Service's name are none.
func TestUnknownVariables(t *testing.T) {
	for name, refused := range map[string]bool{
		"UPLOADD_LISTNE":                   true,
		"UPLOADD_PORTS":                    true,
		"UPLOADD_LISTEN":                   false,
		"UPLOADD_PROJECT":                  false, // of another command
		"UPLOADD_SERVICE_HOST":             false,
		"UPLOADD_SERVICE_PORT":             false,
		"UPLOADD_SERVICE_PORT_HTTP":        false,
		"UPLOADD_PORT":                     true, // as a URL it is Kubernetes'
		"UPLOADD_PORT_8080_TCP":            false,
		"UPLOADD_PORT_8080_TCP_ADDR":       false,
		"UPLOADD_METRICS_PORT_80_TCP_ADDR": false,
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, "127.0.0.1:8080")
			code, _, stderr := invoke(t, "config")
			if got := code != 0; got != refused || got && !strings.Contains(stderr, name) {
				t.Errorf("exit %d, %q", code, stderr)
			}
		})
	}
}

// Other commands take from the file what they have flags for.
func TestOthersReadTheFile(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	path := file(t, `listen = "0.0.0.0:1"`+"\n"+`data = `+quote(data))
	if code, _, stderr := invoke(t, "keys", "create", "--project=p", "--config", path); code != 0 {
		t.Fatal(stderr)
	}
	uploadstest.Must(os.Stat(database(data)))(t)
	t.Setenv("UPLOADD_CONFIG", path)
	if code, stdout, stderr := invoke(t, "keys", "list"); code != 0 || !strings.Contains(stdout, "p ") {
		t.Errorf("exit %d, %q, %q", code, stdout, stderr)
	}
}

func TestLogLevels(t *testing.T) {
	for level, want := range map[string]int{"debug": 4, "info": 3, "warn": 2, "error": 1} {
		var b strings.Builder
		log := (&logFlags{LogFormat: "text", LogLevel: level}).newLogger(&b)
		log.Debug("a")
		log.Info("b")
		log.Warn("c")
		log.Error("d")
		if n := strings.Count(b.String(), "\n"); n != want {
			t.Errorf("at %s there are %d lines, want %d", level, n, want)
		}
	}
}
