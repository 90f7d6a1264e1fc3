package conform

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"uploadd/internal/conform"
	"uploadd/internal/openaifake"
)

// differing are the ids of the checks that a server does not pass.
func differing(report *conform.Report) (all []string) {
	for i := range report.Results {
		if report.Results[i].Outcome == conform.Differs {
			all = append(all, report.Results[i].ID)
		}
	}
	slices.Sort(all)
	return all
}

// lenient is what openaifake leaves to others: it refuses little of what is wrong, lets
// nothing expire, and has no headers of its own.
const lenient = `auth/code content/disposition complete/batch-expiry complete/expires-after errors/request-id
	files/batch-expiry files/expires-after files/expires-after-bounds files/purpose-error files/purpose-unknown
	list/limit-bounds list/order-unknown parts/no-data parts/other-field
	uploads/expires-after-bounds uploads/purpose-unknown uploads/required`

// TestFake holds the server that the tests of the client take for OpenAI to the rest.
func TestFake(t *testing.T) {
	t.Parallel()
	f := openaifake.New(t, "sk-test")
	report := must(conform.Run(t.Context(), conform.Options{BaseURL: f.URL + "/v1", Key: "sk-test"}, conform.Select(nil, false)))
	want := slices.Sorted(slices.Values(strings.Fields(lenient)))
	if got := differing(report); !slices.Equal(got, want) {
		t.Errorf("it differs in\n%q\nwant\n%q", got, want)
	}
	if n := len(f.Contents()); n != 0 {
		t.Errorf("%d Files are left", n)
	}
}

// TestAzure goes the way of Azure: its header, its parameter, its path.
func TestAzure(t *testing.T) {
	t.Parallel()
	f := openaifake.NewAzure(t, "secret", "2024-10-21")
	report := must(conform.Run(t.Context(), conform.Options{
		BaseURL: f.URL + "/openai", Key: "secret", Azure: true, Query: url.Values{"api-version": {"2024-10-21"}},
	}, conform.Select(nil, false)))
	want := map[string]bool{"uploads/expires-at": true} // the fake has one life for both
	for _, id := range strings.Fields(lenient) {
		want[id] = true
	}
	if got := differing(report); !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
		t.Errorf("it differs in %q", got)
	}
	if n := len(f.Contents()); n != 0 {
		t.Errorf("%d Files are left", n)
	}
}

// TestFilesOnly leaves the Uploads out: a server without them is told once, and
// is not held to what it does not have.
func TestFilesOnly(t *testing.T) {
	t.Parallel()
	s := start(t)
	report := s.run(t, &relay{fault: func(c *call, next func(*call) *reply) *reply {
		if strings.Contains(c.URL.Path, "/uploads") {
			return refusal(404)
		}
		return next(c)
	}}, conform.Select(nil, false))
	if got := differing(report); !slices.Equal(got, []string{"uploads/create"}) || report.Count(conform.Untried) != 0 || report.Count(conform.Skipped) < 60 {
		t.Errorf("it differs in %q, %d were skipped and %d untried", got, report.Count(conform.Skipped), report.Count(conform.Untried))
	}
	s.empty(t)
}
