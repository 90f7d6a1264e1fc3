package blob_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"uploadd/internal/blob"
	"uploadd/internal/blob/s3test"
	"uploadd/internal/uploads/uploadstest"
)

// A machine's credentials that are not to be had for a while are no refusal by the
// store: its sender is told to try again.
func TestCredentialsGoAway(t *testing.T) {
	withoutKeys(t)
	var gone atomic.Bool
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", serving(t, func(w http.ResponseWriter, r *http.Request) {
		if gone.Load() {
			http.Error(w, `{"code": "Throttled", "message": "later"}`, http.StatusForbidden)
			return
		}
		giveCredentials(w, time.Now()) // so that each request needs new ones
	}))
	b, err := blob.OpenS3(t.Context(), s3test.NewScripted(t).URL("p", ""), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	gone.Store(true)
	_, err = b.Put(t.Context(), "part_1", strings.NewReader("data"))
	var passing interface{ Unavailable() bool }
	if !errors.As(err, &passing) || !passing.Unavailable() || !strings.Contains(err.Error(), "there are no credentials") {
		t.Errorf("without credentials: %v", err)
	}
	if _, err := blob.OpenS3(t.Context(), s3test.NewScripted(t).URL("p", ""), nil); err == nil || !strings.Contains(err.Error(), "AWS_ACCESS_KEY_ID") {
		t.Errorf("opened without credentials: %v", err)
	}
	gone.Store(false)
	if _, err := b.Put(t.Context(), "part_2", strings.NewReader("data")); err != nil {
		t.Errorf("the credentials are back: %v", err)
	}
}

// Nor is it the store's refusal that a machine has no role: who starts a node is told
// what is missing.
func TestMachineWithoutRole(t *testing.T) {
	withoutKeys(t)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "false")
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", serving(t, func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "no role", http.StatusForbidden)
	}))
	if _, err := blob.OpenS3(t.Context(), s3test.NewScripted(t).URL("p", ""), nil); err == nil || !strings.Contains(err.Error(), "AWS_ACCESS_KEY_ID") {
		t.Errorf("opened without credentials: %v", err)
	}
}

// What the SDK has to say by itself does not get into the server's log, which has a
// form of its own: here that a machine gives its role by the older protocol.
func TestSDKIsSilent(t *testing.T) {
	withoutKeys(t)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "false")
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", serving(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPut:
			http.Error(w, "no tokens", http.StatusForbidden)
		case strings.HasSuffix(r.URL.Path, "/security-credentials/"):
			io.WriteString(w, "role")
		default:
			giveCredentials(w, time.Now().Add(time.Hour))
		}
	}))
	said := filepath.Join(t.TempDir(), "stderr")
	file := uploadstest.Must(os.Create(said))(t)
	stderr := os.Stderr
	os.Stderr = file
	b, err := blob.OpenS3(t.Context(), s3test.NewScripted(t).URL("p", ""), nil)
	os.Stderr = stderr
	file.Close()
	if err != nil {
		t.Fatal(err)
	}
	b.Close()
	if text := uploadstest.Must(os.ReadFile(said))(t); len(text) > 0 {
		t.Errorf("on standard error: %s", text)
	}
}

// withoutKeys takes what s3test.Credentials has set out of the environment.
func withoutKeys(t *testing.T) {
	s3test.Credentials()
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
}

func serving(t *testing.T, f http.HandlerFunc) (url string) {
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return s.URL
}

func giveCredentials(w http.ResponseWriter, until time.Time) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "a", "SecretAccessKey": "s", "Token": "t", "Expiration": "%s"}`,
		until.UTC().Format(time.RFC3339))
}
