package conform

import (
	"fmt"
	"net/url"
	"slices"
	"time"
)

var listChecks = []Check{
	{"list/object", "A list has the keys object, data, first_id, last_id and has_more.", SDK, refListFiles, listObject},
	{"list/ends", "first_id and last_id are the ids of the first and the last File of the page.", SDK, refListFiles, listEnds},
	{"list/entries", "A File in the list is the same as one that is retrieved.", SDK, refListFiles, listEntries},
	{"list/newest-first", "The newest File comes first.", Documented, refListFiles, listNewest},
	{"list/ascending", "With order=asc the oldest comes first.", Documented, refListFiles, listAscending},
	{"list/limit", "limit bounds a page, and has_more says that there is more.", SDK, pyPages, listLimit},
	{"list/pages", "Page by page, with after, each File comes once and none is left out.", Data, pyPages, listPages},
	{"list/end", "Behind the last File there is an empty page, which the Java SDK asks for.", SDK, javaPages, listEnd},
	{"list/purpose", "With purpose there are Files of that purpose only.", Documented, refListFiles, listPurpose},
	{"list/deleted", "A deleted File is not in the list.", Documented, refDeleteFile, listDeleted},
	{"list/limit-bounds", "A limit of 0 is refused: it can range between 1 and 10,000.", Cosmetic, refListFiles, listBounds},
	{"list/order-unknown", "An order that is neither asc nor desc is refused.", Cosmetic, refListFiles, listOrder},
}

// shared are three Files that the checks of a group share: oldest first, the first two made in
// different seconds.
func (p *probe) shared() []object {
	if p.shelf == nil {
		var made []object
		for i := range 3 {
			if i == 1 {
				p.sleep(1100*time.Millisecond, false)
			}
			made = append(made, p.file(p.Purpose, line(i)))
		}
		for _, t := range p.things {
			t.shared = true
		}
		p.shelf = made
	}
	return p.shelf
}

func ids(files []object) (all []string) {
	for _, f := range files {
		all = append(all, f.text("id"))
	}
	return all
}

// page reads one page of the list.
func (p *probe) page(query url.Values) (*answer, []object, bool) {
	a := p.get("/files", query.Encode())
	data, isList := p.succeeds(a).list("data")
	if !isList {
		p.cannot("data is no array of objects")
	}
	more, _ := a.object()["has_more"].(bool)
	return a, data, more
}

// How many pages of other people's Files a check looks through for its own.
const lookPages = 20

// walk reads pages until all of the wanted ids were seen, and returns the Files in the
// order in which they came.
func (p *probe) walk(query url.Values, wanted ...string) (seen []object, last *answer) {
	for range lookPages {
		a, data, more := p.page(query)
		again := len(data) > 0 && slices.Contains(ids(seen), data[0].text("id")) // it goes round in circles
		seen, last = append(seen, data...), a
		if again || !slices.ContainsFunc(wanted, func(id string) bool { return !slices.Contains(ids(seen), id) }) || !more || len(data) == 0 {
			return seen, last
		}
		query.Set("after", data[len(data)-1].text("id"))
	}
	p.cannot("the Files of this run are not among the first %d of the list", len(seen))
	return nil, nil
}

// lookFor finds a File in the list.
func (p *probe) lookFor(purpose, id string) (object, *answer, bool) {
	query := url.Values{"limit": {"100"}}
	if purpose != "" {
		query.Set("purpose", purpose)
	}
	seen, a := p.walk(query, id)
	i := slices.Index(ids(seen), id)
	if i < 0 {
		return nil, a, false
	}
	return seen[i], a, true
}

func listObject(p *probe) {
	p.shared()
	a := p.get("/files", "limit=2")
	p.shaped(a, "", p.succeeds(a), listShape)
}

func listEnds(p *probe) {
	p.shared()
	a, data, _ := p.page(url.Values{"limit": {"3"}})
	if len(data) == 0 {
		p.cannot("the list is empty")
	}
	o := a.object()
	p.equal(a, "first_id", o["first_id"], data[0]["id"])
	p.equal(a, "last_id", o["last_id"], data[len(data)-1]["id"])
}

func listEntries(p *probe) {
	want := p.shared()[0]
	got, a, found := p.lookFor("", want.text("id"))
	if !found {
		p.differs(a, "the File in the list", "it is not there")
	}
	p.sameFile(a, got, want)
	p.shaped(a, "data[].", got, fileShape)
}

// own leaves the Files of a check among those of a list.
func own(seen []object, wanted []string) []string {
	return slices.DeleteFunc(ids(seen), func(id string) bool { return !slices.Contains(wanted, id) })
}

func listNewest(p *probe) {
	f := ids(p.shared())
	seen, a := p.walk(url.Values{"limit": {"100"}}, f...)
	got := own(seen, f)
	if len(got) != 3 {
		p.differs(a, "the 3 Files of this run", fmt.Sprintf("%d of them", len(got)))
	}
	if got[2] != f[0] {
		p.differs(a, "the oldest of three at the end", "it is before a newer one")
	}
}

// listAscending starts at the oldest of its own Files: there may be many before it.
func listAscending(p *probe) {
	f := ids(p.shared())
	a, data, _ := p.page(url.Values{"order": {"asc"}, "after": {f[0]}, "limit": {"100"}})
	got := own(data, f)
	slices.Sort(got)
	want := []string{f[1], f[2]}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		p.differs(a, "behind the oldest of three the two others", fmt.Sprintf("%d of them", len(got)))
	}
}

func listLimit(p *probe) {
	p.shared()
	a, data, more := p.page(url.Values{"limit": {"2"}})
	if len(data) != 2 || !more {
		p.differs(a, "2 Files, and has_more true", fmt.Sprintf("%d Files, and has_more %t", len(data), more))
	}
}

func listPages(p *probe) {
	f := ids(p.shared())
	seen, a := p.walk(url.Values{"limit": {"1"}, "purpose": {p.Purpose}}, f...)
	got := ids(seen)
	slices.Sort(got)
	if n := len(slices.Compact(slices.Clone(got))); n != len(got) {
		p.differs(a, "each File once", fmt.Sprintf("%d Files, %d of them different", len(got), n))
	}
	if got := own(seen, f); len(got) != len(f) {
		p.differs(a, "the 3 Files of this run", fmt.Sprintf("%d of them", len(got)))
	}
}

// listEnd asks what is behind the newest. Only what others make meanwhile may be there.
func listEnd(p *probe) {
	made := p.shared()
	f := ids(made)
	seen, _ := p.walk(url.Values{"limit": {"100"}}, f...)
	got := own(seen, f)
	if len(got) != 3 {
		p.cannot("the Files of this run are not in the list")
	}
	a, data, more := p.page(url.Values{"order": {"asc"}, "after": {got[0]}, "limit": {"100"}})
	if len(own(data, f)) > 0 || len(data) == 0 && more {
		p.differs(a, "an empty page, and has_more false", fmt.Sprintf("%d Files of this run, has_more %t", len(own(data, f)), more))
	}
}

func listPurpose(p *probe) {
	other := "evals"
	if p.Purpose == other {
		other = "batch"
	}
	f := p.shared()[2].text("id")
	a, data, _ := p.page(url.Values{"purpose": {other}, "limit": {"100"}})
	for _, o := range data {
		p.equal(a, "purpose", o["purpose"], other)
	}
	if _, a, found := p.lookFor(p.Purpose, f); !found {
		p.differs(a, "the Files of purpose "+p.Purpose, "one is not there")
	}
}

func listDeleted(p *probe) {
	id := p.deleted()
	_, data, _ := p.page(url.Values{"limit": {"20"}})
	if slices.Contains(ids(data), id) {
		p.differs(nil, "no deleted File", "it is there")
	}
}

func listBounds(p *probe) { p.refused(p.get("/files", "limit=0"), "the limit is 0") }

func listOrder(p *probe) { p.refused(p.get("/files", "order=sideways"), "there is no such order") }
