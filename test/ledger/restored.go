package ledger

import (
	"context"

	"uploadd/api"
)

// Restored holds a server that was restored from a back-up to what l was when
// the back-up began. later is what the ledger had become when it had ended: what
// has been deleted or ended since may be there or not, and what is newer is not
// looked at. It returns the faults.
func (l *Ledger) Restored(ctx context.Context, a api.API, later *Ledger) []string {
	deleted := map[string]bool{}
	for _, f := range later.files {
		deleted[f.id] = f.deleted != open
	}
	v := &verifier{Ledger: l, ctx: ctx, api: a}
	for _, f := range l.files {
		if f.deleted == open && deleted[f.id] {
			f.deleted = ambiguous
		}
		v.file(f)
	}
	ended := map[string]*upload{}
	for _, u := range later.uploads {
		ended[u.id] = u
	}
	for _, u := range l.uploads {
		if now := ended[u.id]; now != nil && u.completed == open && u.canceled == open {
			u.completed, u.canceled = min(now.completed, ambiguous), min(now.canceled, ambiguous)
		}
		v.upload(u)
	}
	return l.Faults()
}
