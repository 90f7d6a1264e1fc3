package sdk

import (
	"errors"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3/option"

	"uploadd/api"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
)

// newKey makes a key, and returns its text.
func newKey(t testing.TB, args ...string) string {
	t.Helper()
	code, out := program.Run(t.Context(), append([]string{"keys", "create"}, args...)...)
	if code != 0 {
		t.Fatalf("keys create: exit %d\n%s", code, out)
	}
	lines := strings.Fields(out)
	return lines[len(lines)-1]
}

// What the SDKs make of keys that allow all, little, nothing, or no more for now.
func TestKeys(t *testing.T) {
	data := t.TempDir()
	at := []string{"--project=team", "--data=" + data}
	all := newKey(t, at...)
	reader := newKey(t, append(at, "--scope=read")...)
	few := newKey(t, append(at, "--max-requests=60")...)
	small := newKey(t, append(at, "--max-bytes=10B")...)
	url := program.Start(t, program.Options{Data: data}).URL + "/v1"

	open := map[string]func(t testing.TB, key, project string) api.API{
		"openai-go": func(t testing.TB, key, project string) api.API {
			o := []option.RequestOption{option.WithAPIKey(key)}
			if project != "" {
				o = append(o, option.WithProject(project))
			}
			return &goSDK{newGo(url+"/", o...)}
		},
	}
	for _, version := range versions {
		open[version] = func(t testing.TB, key, project string) api.API {
			return newNode(t, version, url, "OPENAI_API_KEY="+key, "OPENAI_PROJECT_ID="+project, "OPENAI_ORG_ID=org-of-somebody")
		}
	}
	for name, as := range open {
		t.Run(name, func(t *testing.T) {
			f := uploadstest.Must(as(t, all, "team").CreateFile(t.Context(), strings.NewReader("abc"), describe))(t)
			uploadstest.Must(as(t, reader, "").GetFile(t.Context(), f.ID))(t)
			refused := func(err error, kind *api.Error, class string) {
				t.Helper()
				uploadstest.WantError(t, err, kind, "")
				var node *nodeError
				if errors.As(err, &node) && node.class != class {
					t.Errorf("its user catches a %s, want a %s", node.class, class)
				}
			}
			_, err := as(t, reader, "").DeleteFile(t.Context(), f.ID)
			refused(err, api.ErrForbidden, "PermissionDeniedError")
			_, err = as(t, small, "").CreateFile(t.Context(), strings.NewReader("eleven byte"), describe)
			refused(err, api.ErrQuota, "PermissionDeniedError")
			for _, wrong := range []string{"sk-proj-of-openai", all[:len(all)-1] + "x"} {
				_, err = as(t, wrong, "").GetFile(t.Context(), f.ID)
				refused(err, api.ErrUnauthorized, "AuthenticationError")
			}
			_, err = as(t, all, "proj_other").GetFile(t.Context(), f.ID)
			refused(err, &api.Error{Status: 401, Code: api.CodeProject}, "AuthenticationError")
		})
	}
	// Ten requests at once, and then one a second: the SDKs wait as Retry-After says,
	// and their users notice nothing.
	limited := open["openai6"](t, few, "")
	for range 12 {
		uploadstest.Must(limited.ListFiles(t.Context(), api.ListQuery{}))(t)
	}
}

func describe() (api.CreateFileRequest, error) {
	return api.CreateFileRequest{Filename: "f", Purpose: "batch"}, nil
}
