package deploy

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"uploadd/internal/blob/s3test"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/postgres"
	"uploadd/test/program"
)

func docs(t *testing.T) string {
	t.Helper()
	return string(uploadstest.Must(os.ReadFile("../../docs/deploy.md"))(t))
}

// blocks are those of the docs in a language.
func blocks(t *testing.T, language string) (list []string) {
	t.Helper()
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(docs(t), -1) {
		list = append(list, m[1])
	}
	return list
}

// freeAddress is one that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l := uploadstest.Must(net.Listen("tcp", "127.0.0.1:0"))(t)
	defer l.Close()
	return l.Addr().String()
}

// deletion is what somebody else does between a dump and the loss of the database.
const deletion = `file=$(curl -sf http://127.0.0.1:8080/v1/files -H "Authorization: Bearer $(cat key)" | grep -o 'file-[0-9A-Za-z]*' | head -n 1)
curl -sf -X DELETE "http://127.0.0.1:8080/v1/files/$file" -H "Authorization: Bearer $(cat key)"
uploadd gc
`

// The commands of docs/deploy.md work as printed, one behind the other in one shell,
// with a database and a bucket of the test's in the places of those that they name. A
// File that is deleted behind the dump is there again, with its bytes.
func TestDocs(t *testing.T) {
	t.Parallel()
	s3test.Credentials()
	db, address, dir := postgres.Start(t), freeAddress(t), t.TempDir()
	database := db.Database()
	before, after, _ := strings.Cut(strings.Join(blocks(t, "sh"), ""), "pg_dump")
	dump, after, _ := strings.Cut(after, "\n")
	script := before + "pg_dump" + dump + "\n" + deletion + after
	for _, place := range [][2]string{
		{"postgres://uploadd@db.example.com/uploadd?sslmode=verify-full", database},
		{"postgres://uploadd@db.example.com/restored?sslmode=verify-full", db.URL("restored")},
		{"s3://example-files/prod?region=eu-central-1", s3test.Versitygw(t, false).URL("prod", "")},
		{"0.0.0.0:8080", address},
		{"http://127.0.0.1:8080", "http://" + address},
	} {
		if !strings.Contains(script, place[0]) {
			t.Fatalf("no command of docs/deploy.md names %s", place[0])
		}
		script = strings.ReplaceAll(script, place[0], place[1])
	}
	if err := os.WriteFile(filepath.Join(dir, "big.jsonl"), make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("bash", "-euxo", "pipefail", "-c", "trap 'kill $(jobs -p); wait' EXIT\n"+script)
	cmd.Dir = dir
	// Programs of PostgreSQL that are as old as its server, and not as old as another.
	versions := uploadstest.Must(filepath.Glob("/usr/lib/postgresql/*/bin"))(t)
	path := strings.Join(append(versions[max(0, len(versions)-1):], filepath.Dir(program.Path()), os.Getenv("PATH")), ":")
	cmd.Env = append(os.Environ(), "PATH="+path, "UPLOADD_URL=http://"+address)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{`"deleted":true`, `due (59 minutes|1 hour) from now`,
		"1 files, 1 parts, 1.0 MiB present: 0 faults", "1 files, 1 parts, 1.0 MiB read: 0 faults"} {
		if !regexp.MustCompile(want).Match(out) {
			t.Errorf("the commands do not say %s:\n%s", want, out)
		}
	}
	refusesStrangers(t, database)
}

// refusesStrangers starts a node that was told the database of others and a place of its
// own for the bytes: it ends, with the words that the docs have.
func refusesStrangers(t *testing.T, database string) {
	t.Helper()
	const words = "the bytes are not those of these records"
	if !strings.Contains(docs(t), words) {
		t.Errorf("docs/deploy.md does not say %q", words)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	code, out := program.Run(ctx, "serve", "--listen=127.0.0.1:0", "--data="+t.TempDir(), "--meta="+database, "--blobs="+t.TempDir())
	if code != 1 || !strings.Contains(out, words) {
		t.Errorf("a node with other bytes: exit %d\n%s", code, out)
	}
}

// Every file that the docs name is there, and every file that is there is in the docs,
// by its own name or that of its directory.
func TestDocsNameTheFiles(t *testing.T) {
	t.Parallel()
	text := docs(t)
	for _, path := range regexp.MustCompile(`deploy/[\w./-]*\w`).FindAllString(text, -1) {
		if path == "deploy/.env" {
			continue // is made
		}
		if _, err := os.Stat("../../" + path); err != nil {
			t.Errorf("docs/deploy.md: %v", err)
		}
	}
	for _, pattern := range []string{"../../deploy/*", "../../deploy/kubernetes/*.yaml"} {
		for _, path := range uploadstest.Must(filepath.Glob(pattern))(t) {
			if name := filepath.Base(path); !strings.Contains(text, name) && !strings.Contains(kustomization(t), name) {
				t.Errorf("%s is not in docs/deploy.md", path)
			}
		}
	}
}

// kustomization names the files that one command applies.
func kustomization(t *testing.T) string {
	t.Helper()
	return string(uploadstest.Must(os.ReadFile("../../deploy/kubernetes/kustomization.yaml"))(t))
}
