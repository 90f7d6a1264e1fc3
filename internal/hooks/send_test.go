package hooks_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"uploadd/internal/hooks"
)

// While a secret takes the place of another, receivers of either verify what is sent.
func TestRotation(t *testing.T) {
	w, r := newWorld(t), newReceiver(t)
	h := w.hook(r.URL)
	w.dispatch(w.dispatcher())
	fresh := hooks.NewSecret()
	if err := w.store.RotateHook(t.Context(), h.ID, fresh, w.clock.Load(), w.clock.Load()+3600); err != nil {
		t.Fatal(err)
	}
	r.expects(h.Secret.Text(), fresh.Text())
	w.complete()
	eventually(t, "under both secrets", func() bool { return w.listed().Pending == 0 })
	w.pass(time.Hour)
	r.expects(fresh.Text())
	r.answers(func(w http.ResponseWriter, req *http.Request) {
		if signatures := strings.Fields(req.Header.Get("Webhook-Signature")); len(signatures) != 1 {
			t.Errorf("an hour later there are the signatures %q", signatures)
		}
	})
	w.complete()
	eventually(t, "under the new one", func() bool { return r.count() == 2 })
}

// Whatever is made of a hook, its secrets are not in it.
func TestSecretsAreNotSaid(t *testing.T) {
	h := hooks.Hook{URL: "https://example.com"}
	hooks.NewHook(&h)
	h.OldSecret = hooks.NewSecret()
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("hook", "hook", h, "secret", h.Secret)
	slog.New(slog.NewTextHandler(&log, nil)).Info("hook", "hook", h, "secret", h.Secret)
	wire, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	said := log.String() + string(wire) + fmt.Sprint(h, &h, h.Secret) + fmt.Sprintf("%+v %#v %s %q", h, h, h.Secret, h.Secret)
	for _, s := range []hooks.Secret{h.Secret, h.OldSecret} {
		text := strings.TrimPrefix(s.Text(), "whsec_")
		for _, form := range []string{text, fmt.Sprintf("%d", []byte(s)), fmt.Sprintf("%x", []byte(s)), fmt.Sprintf("%#v", []byte(s))[len("[]byte"):]} {
			if strings.Contains(said, form) {
				t.Errorf("a secret is said:\n%s", said)
			}
		}
	}
	if h.Secret.Text() == h.OldSecret.Text() || len(h.Secret) != 32 {
		t.Errorf("the secrets are %q and %q", h.Secret.Text(), h.OldSecret.Text())
	}
}

// What went wrong does not show the URL, in which there may be secrets.
func TestErrorsHaveNoURL(t *testing.T) {
	for _, address := range []string{"http://127.0.0.1:1/canary?canary", "http://canary.invalid/", "http://127.0.0.1:1/%zz?canary"} {
		h := &hooks.Hook{URL: address}
		hooks.NewHook(h)
		a := hooks.Send(t.Context(), hooks.NewClient(http.DefaultTransport), h, &hooks.Event{Type: hooks.Test}, time.Now(), time.Now())
		if a.Err == nil || a.Status != 0 || strings.Contains(a.Err.Error(), "?canary") || strings.Contains(a.Err.Error(), "/canary") {
			t.Errorf("%s: %v", address, a.Err)
		}
	}
}

// An event whose record is gone cannot be told, and is not sent.
func TestNoRecord(t *testing.T) {
	r := newReceiver(t)
	h := &hooks.Hook{URL: r.URL}
	hooks.NewHook(h)
	for _, e := range []hooks.Event{{Type: hooks.UploadCompleted}, {Type: hooks.FileDeleted}} {
		if a := hooks.Send(t.Context(), hooks.NewClient(http.DefaultTransport), h, &e, time.Now(), time.Now()); a.Err == nil || r.count() != 0 {
			t.Errorf("%s: %+v", e.Type, a)
		}
	}
}

func TestParseURL(t *testing.T) {
	for text, want := range map[string]string{
		"https://example.com":                    "",
		"https://10.0.0.1:8443/a?b=c":            "",
		"http://localhost:1/":                    "",
		"ftp://example.com":                      "is of the form",
		"example.com/x":                          "is of the form",
		"https:///x":                             "is of the form",
		"https://:443/x":                         "is of the form",
		"https://u:canary@example.com":           "no user and no password",
		"https://u@example.com":                  "no user and no password",
		"https://example.com/#x":                 "no fragment",
		"https://canary example.com":             "no URL",
		"https://e/" + strings.Repeat("x", 2000): "at most 2000 bytes",
	} {
		_, err := hooks.ParseURL(text)
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary@")) {
			t.Errorf("%.40s: %v, want %q", text, err, want)
		}
	}
	for text, want := range map[string]bool{"https://example.com": false, "http://example.com": true, "http://10.0.0.1": true,
		"http://127.0.0.1:1": false, "http://[::1]:1": false, "http://localhost": false} {
		u, err := url.Parse(text)
		if err != nil || hooks.Exposed(u) != want {
			t.Errorf("%s is exposed: %v, %v", text, !want, err)
		}
	}
}

func TestTypes(t *testing.T) {
	var types hooks.Types
	if err := types.UnmarshalText([]byte("file.deleted,upload.expired,file.deleted")); err != nil || types.String() != "file.deleted,upload.expired" {
		t.Errorf("%s, %v", types, err)
	}
	for _, wrong := range []string{"", "file", "upload.completed,", "hook.test", "upload.completed upload.expired"} {
		if err := types.UnmarshalText([]byte(wrong)); err == nil {
			t.Errorf("%q is taken for %s", wrong, types)
		}
	}
}
