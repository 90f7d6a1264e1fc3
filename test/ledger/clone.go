package ledger

// Clone returns a ledger of the same state, for a copy of the server's data.
func (l *Ledger) Clone() *Ledger {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := &Ledger{settled: l.settled, acked: l.acked, lostFiles: append([]data(nil), l.lostFiles...)}
	files := map[*file]*file{}
	for _, f := range l.files {
		g := *f
		files[f] = &g
		c.files = append(c.files, &g)
	}
	for _, u := range l.uploads {
		v := *u
		v.file = files[u.file]
		v.parts, v.lost = append([]part(nil), u.parts...), append([]data(nil), u.lost...)
		c.uploads = append(c.uploads, &v)
	}
	return c
}
