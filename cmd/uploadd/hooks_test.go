package main

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestHookCommands(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	hooks := func(args ...string) (code int, stdout, stderr string) {
		t.Helper()
		return invoke(t, append(append([]string{"hooks"}, args...), "--data="+data)...)
	}
	code, secret, stderr := hooks("create", "--project=team", "--url=http://example.com/x", "--event=file.deleted")
	if code != 0 || !strings.HasPrefix(secret, "whsec_") || strings.Count(secret, "\n") != 1 ||
		!strings.Contains(stderr, "warning: --url is not https") || !strings.Contains(stderr, "of project team is told of file.deleted") {
		t.Fatalf("create: exit %d, %q, %q", code, secret, stderr)
	}
	id := stderr[strings.Index(stderr, "hook_"):][:len("hook_")+16]
	if code, _, stderr := hooks("create", "--project=team", "--url=https://example.com/x"); code != 0 || strings.Contains(stderr, "warning") {
		t.Errorf("create: exit %d, %q", code, stderr)
	}
	code, list, _ := hooks("list")
	if code != 0 || !strings.Contains(list, id) || strings.Contains(list, strings.TrimSpace(strings.TrimPrefix(secret, "whsec_"))) {
		t.Errorf("list: exit %d, %q", code, list)
	}
	if code, list, _ := hooks("list", "--project=other", "--json"); code != 0 || list != "" {
		t.Errorf("list of another project: exit %d, %q", code, list)
	}
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"create", "--project=no such", "--url=https://example.com"}, "cannot name a project"},
		{[]string{"create", "--project=team", "--url=https://u:canary@example.com"}, "--url: the URL of a hook has no user and no password"},
		{[]string{"create", "--project=team", "--url=example.com"}, "https://HOST/PATH"},
		{[]string{"create", "--project=team", "--url=https://example.com", "--event=file.created"}, "'file.created' is no event"},
		{[]string{"remove", "hook_none"}, "there is no hook 'hook_none': see uploadd hooks list"},
		{[]string{"rotate", "hook_none"}, "there is no hook 'hook_none': see uploadd hooks list"},
		{[]string{"test", "hook_none"}, "there is no hook 'hook_none': see uploadd hooks list"},
		{[]string{"remove", strings.TrimSpace(secret)}, "that is not the id of a hook: see uploadd hooks list"},
	} {
		code, _, stderr := hooks(c.args...)
		if code == 0 || !strings.Contains(stderr, c.says) || strings.Contains(stderr, "canary") || strings.Contains(stderr, "whsec_") {
			t.Errorf("%v: exit %d, %q, want %q", c.args, code, stderr, c.says)
		}
	}
	if code, stdout, _ := hooks("remove", id); code != 0 || stdout != id+" is removed\n" {
		t.Errorf("remove: exit %d, %q", code, stdout)
	}
	if code, _, stderr := hooks("remove", id); code != 1 || !strings.Contains(stderr, "there is no hook") {
		t.Errorf("remove again: exit %d, %q", code, stderr)
	}
}
