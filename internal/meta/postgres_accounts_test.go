package meta

import (
	"fmt"
	"sync"
	"testing"

	"uploadd/internal/uploads"
	"uploadd/test/postgres"
)

// The first steps of a project, through two nodes at once, make its account: none of
// them is refused because another was about to.
func TestPostgresFirstOfProject(t *testing.T) {
	url := postgres.Start(t).Database()
	nodes := []*Store{openPG(t, url), openPG(t, url)}
	for i := range 50 {
		project := fmt.Sprint("p", i)
		var first sync.WaitGroup
		for n := range 6 {
			first.Go(func() {
				err := nodes[n%2].CreateUpload(t.Context(), &uploads.Upload{ID: fmt.Sprint(project, "-", n), Project: project,
					Filename: "f", Purpose: "user_data", Status: "pending", Bytes: 1, CreatedAt: 1, ExpiresAt: 100})
				if err != nil {
					t.Error(err)
				}
			})
		}
		first.Wait()
		if a, err := nodes[0].Accounts(t.Context(), uploads.Caller{Project: project}); err != nil || a[0].Uploads != 6 || a[0].Reserved != 6 {
			t.Fatalf("%+v, %v", a, err)
		}
	}
}
