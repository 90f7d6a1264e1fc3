package deploy

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"uploadd/internal/uploads/uploadstest"
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

// A node that was told the database of others and a place of its own for the bytes ends,
// with the words that the docs have.
func TestStrangers(t *testing.T) {
	t.Parallel()
	s := share(t)
	s.node(t) // which leaves its name in both
	const words = "the bytes are not those of these records"
	if !strings.Contains(docs(t), words) {
		t.Errorf("docs/deploy.md does not say %q", words)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	code, out := program.Run(ctx, "serve", "--listen=127.0.0.1:0", "--data="+t.TempDir(), "--meta="+s.meta, "--blobs="+t.TempDir())
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
