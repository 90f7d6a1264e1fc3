package ledger

import (
	"context"

	"uploadd/api"
	"uploadd/internal/blob"
)

// Script leads one life that has every kind of step in it, always the same one,
// so that a caller can break it at each point. It ends with the first step that
// is not acknowledged, and reports whether it came to its end.
func (l *Ledger) Script(ctx context.Context, a api.API) bool {
	w := &worker{Ledger: l, ctx: ctx, api: a}
	seed := uint64(len(l.uploads)+len(l.files)) << 8 // other bytes in a second life
	of := func(size int) data { seed++; return data{seed, size} }

	// The largest part goes past the page cache, but for its end.
	whole, ok := w.send([]data{of(100), of(64<<10 + 1), of(700_001)})
	if !ok || !w.complete(whole, true) || !w.directFile(of(5000)) {
		return false
	}
	given, ok := w.send([]data{of(4096)})
	if !ok || !w.cancel(given) {
		return false
	}
	gone, ok := w.send([]data{of(70_000), of(1)})
	if !ok || !w.complete(gone, false) || !w.delete(gone.file) {
		return false
	}
	_, ok = w.send([]data{of(1), of(200_000)}) // stays pending
	return ok
}

// Resume completes every Upload that is pending though all its Parts were
// acknowledged, as clients do after a crash. It reports whether all of that was
// acknowledged, too.
func (l *Ledger) Resume(ctx context.Context, a api.API) bool {
	w, whole := &worker{Ledger: l, ctx: ctx, api: a}, true
	for _, u := range l.uploads {
		missing := u.bytes
		for _, p := range u.parts {
			missing -= int64(p.size)
		}
		if missing == 0 && u.completed == open && u.canceled == open {
			whole = w.complete(u, false) && whole
		}
	}
	return whole
}

// Blobs is how many blobs the server must keep as files for what is in the ledger, if
// nothing in it is ambiguous. Smaller ones are in its database.
func (l *Ledger) Blobs() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	count := func(d data) {
		if d.size >= blob.SmallSize {
			n++
		}
	}
	for _, f := range l.files {
		if f.deleted == open {
			for _, d := range f.parts {
				count(d)
			}
		}
	}
	for _, u := range l.uploads {
		if u.completed == open && u.canceled == open {
			for _, p := range u.parts {
				count(p.data)
			}
		}
	}
	return n
}
