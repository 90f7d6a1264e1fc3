// Package container holds the program to what the Dockerfile promises, without a
// container's engine: its root is laid out as the Dockerfile says, cannot be
// written to, and is all there is; the user is nobody the system knows.
package container

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"uploadd/api"
	"uploadd/client"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
)

func TestMain(m *testing.M) { program.Main(m) }

// instruction returns what follows a word of the Dockerfile's last stage.
func instruction(t *testing.T, word string) string {
	t.Helper()
	text := string(uploadstest.Must(os.ReadFile("../../Dockerfile"))(t))
	_, last, ok := strings.Cut(text, "\nFROM scratch\n")
	m := regexp.MustCompile(`(?m)^` + word + ` (.*)$`).FindStringSubmatch(last)
	if !ok || m == nil {
		t.Fatalf("the Dockerfile's last stage has no %s", word)
	}
	return m[1]
}

// command is an instruction in the form that needs no shell.
func command(t *testing.T, word string) (args []string) {
	t.Helper()
	text := instruction(t, word)
	if err := json.Unmarshal([]byte(text[strings.Index(text, "["):]), &args); err != nil {
		t.Fatalf("%s %s: %v", word, text, err)
	}
	return args
}

// box is the root of a container.
type box struct {
	root, data string
	user       string // uid:gid
}

// build makes the program as the Dockerfile does, and puts it into a root.
func build(t *testing.T) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("this test mounts and changes users: run it as root")
	}
	root := t.TempDir()
	if err := errors.Join(os.Chmod(root, 0o755), os.Mkdir(filepath.Join(root, "data"), 0o755)); err != nil {
		t.Fatal(err)
	}
	text := string(uploadstest.Must(os.ReadFile("../../Dockerfile"))(t))
	if !strings.Contains(text, "\nRUN GOOS=$TARGETOS GOARCH=$TARGETARCH make build BIN=/out\n") || !strings.Contains(text, "\nCOPY --from=build /out/uploadd /uploadd\n") {
		t.Fatal("the Dockerfile builds in another way than this test")
	}
	out := t.TempDir()
	make := exec.Command("make", "-s", "build", "BIN="+out)
	make.Dir = "../.."
	if said, err := make.CombinedOutput(); err != nil {
		t.Fatalf("make build: %v\n%s", err, said)
	}
	if err := os.Rename(filepath.Join(out, "uploadd"), filepath.Join(root, "uploadd")); err != nil {
		t.Fatal(err)
	}
	return root
}

// enter is what runs the rest of the command line in the box. It proves first that
// the root cannot be written to, and that no umask protects the files.
func (b box) enter() []string {
	return []string{"unshare", "--mount", "--propagation", "private", "sh", "-euc", `
root=$1 data=$2 user=$3
shift 3
mount --bind "$root" "$root"
mount -o remount,bind,ro,nosuid,nodev "$root"
mount --bind "$data" "$root/data"
if touch "$root/written" 2>/dev/null; then echo "the root can be written to" >&2; exit 1; fi
umask 0
exec "$(command -v env)" -i "$(command -v setpriv)" --no-new-privs "$(command -v chroot)" \
	--userspec="+${user%:*}:+${user#*:}" --groups= "$root" "$@"`,
		"sh", b.root, b.data, b.user}
}

// run runs a command of the image to its end.
func (b box) run(t *testing.T, args ...string) string {
	t.Helper()
	args = append(b.enter(), args...)
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args[len(b.enter()):], " "), err, out)
	}
	return string(out)
}

func TestStatic(t *testing.T) {
	f := uploadstest.Must(elf.Open(filepath.Join(build(t), "uploadd")))(t)
	defer f.Close()
	if libraries := uploadstest.Must(f.ImportedLibraries())(t); len(libraries) > 0 {
		t.Errorf("the program needs %v", libraries)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("the program needs an interpreter")
		}
	}
}

// Whole lives of Files, as the image's user and as one that nobody has heard of.
func TestContainer(t *testing.T) {
	root := build(t)
	entrypoint, cmd, health := command(t, "ENTRYPOINT"), command(t, "CMD"), command(t, "HEALTHCHECK")
	if fmt.Sprint(entrypoint, cmd) != "[/uploadd] [serve]" {
		t.Errorf("the image runs %q %q", entrypoint, cmd)
	}
	if env := instruction(t, "ENV"); !strings.Contains(env, "UPLOADD_DATA=/data") || !strings.Contains(env, "UPLOADD_LISTEN=0.0.0.0:8080") {
		t.Errorf("the image's environment is %s", env)
	}
	data := bytes.Repeat([]byte("in a container "), 100_000)
	for _, user := range []string{instruction(t, "USER"), "12345:0"} {
		t.Run(user, func(t *testing.T) {
			b := box{root: root, data: t.TempDir(), user: user}
			if err := errors.Join(os.Chown(b.data, 65532, 0), os.Chmod(b.data, 0o770)); err != nil { // as the image has it
				t.Fatal(err)
			}
			lines := strings.Fields(b.run(t, entrypoint[0], "keys", "create", "--project=team", "--data=/data"))
			key := lines[len(lines)-1]
			serve := func() *program.Server {
				s := program.Start(t, program.Options{Path: entrypoint[0], Under: b.enter(), Data: "/data", Flags: []string{"--listen=0.0.0.0:0"}})
				s.URL = strings.Replace(s.URL, "0.0.0.0", "127.0.0.1", 1)
				s.Client = uploadstest.Must(client.New(client.Config{BaseURL: s.URL + "/v1", Key: key}))(t)
				b.run(t, append(health, "--url", s.URL, "--wait", "1m")...)
				return s
			}
			s := serve()
			u := uploadstest.Must(s.CreateUpload(t.Context(), api.CreateUploadRequest{Filename: "f", Purpose: "batch", Bytes: int64(len(data)), MimeType: "text/plain"}))(t)
			part := uploadstest.Must(s.AddPart(t.Context(), u.ID, bytes.NewReader(data)))(t)
			file := uploadstest.Must(s.CompleteUpload(t.Context(), u.ID, api.CompleteUploadRequest{PartIDs: []string{part.ID}}))(t).File.ID
			if err := s.Stop(); err != nil {
				t.Errorf("stopped with %v", err)
			}
			s = serve()
			if got := uploadstest.Read(t, s, file); !bytes.Equal(got, data) {
				t.Errorf("after a restart: %d other bytes", len(got))
			}
			if out := b.run(t, entrypoint[0], "check", "--read-data", "--data=/data"); !strings.Contains(out, ": 0 faults") {
				t.Errorf("check: %s", out)
			}
			// The machine's own root makes keys too, and leaves nothing that is not b's.
			if code, out := program.Run(t.Context(), "keys", "create", "--project=team", "--data", b.data); code != 0 {
				t.Errorf("keys create: exit %d, %s", code, out)
			}
			b.owned(t)
		})
	}
	if left := uploadstest.Must(os.ReadDir(root))(t); len(left) != 2 {
		t.Errorf("in the root are %v", left)
	}
}

// owned makes sure that all of the data is for its owner's eyes, though the
// directory that it was given is not.
func (b box) owned(t *testing.T) {
	t.Helper()
	var files int
	err := filepath.WalkDir(b.data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == b.data {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if files++; d.IsDir() {
			want = fs.ModeDir | 0o700
		}
		owner := fmt.Sprint(info.Sys().(*syscall.Stat_t).Uid)
		if info.Mode() != want || !strings.HasPrefix(b.user, owner+":") {
			t.Errorf("%s is %s of user %s, want %s", strings.TrimPrefix(path, b.data), info.Mode(), owner, want)
		}
		return nil
	})
	if err != nil || files < 5 {
		t.Errorf("%d files and directories, %v", files, err)
	}
}
