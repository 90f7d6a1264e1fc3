package uploads

import (
	"crypto/md5"
	"hash"
	"slices"
	"sync"
	"sync/atomic"
)

// runningMD5s keeps the MD5 of Uploads as their Parts come, so that completing one
// does not have to read them back. An MD5 can only be taken from the first byte on, so
// this is of use for Parts that come one after the other, as those of the Python SDK's
// helper do; and it costs more than all else that is done with a Part, so it is taken
// only for a project whose last completion gave an MD5. It is kept by this process
// alone: what it does not know is read.
type runningMD5s struct {
	mu      sync.Mutex
	wanted  map[string]bool        // by project
	uploads map[string]*runningMD5 // by id
}

// runningMD5 is that of one Upload.
type runningMD5 struct {
	parts   []string    // whose bytes sum has seen, in their order
	sum     hash.Cloner // nil before the first
	sending int         // Parts under way
	over    atomic.Bool // a Part came that sum has not seen: it stays as it is
	ends    int64       // when the Upload expires
}

// want notes whether a completion in project gave an MD5.
func (m *runningMD5s) want(project string, wanted bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wanted[project] = wanted
}

// begin returns what is to see the bytes of a Part of u that is about to come; nil if
// nothing is.
func (m *runningMD5s) begin(u *Upload) *partMD5 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.wanted[u.Project] {
		return nil
	}
	r := m.uploads[u.ID]
	if r == nil {
		r = &runningMD5{ends: u.ExpiresAt, sum: md5.New().(hash.Cloner)}
		m.uploads[u.ID] = r
	}
	if r.sending++; r.sending > 1 {
		r.over.Store(true) // nobody knows which of them comes first in the File
	}
	p := &partMD5{of: m, r: r}
	if !r.over.Load() {
		p.sum, _ = r.sum.Clone() // MD5's does not fail
	}
	return p
}

// partMD5 sees the bytes of one Part.
type partMD5 struct {
	of  *runningMD5s
	r   *runningMD5
	sum hash.Cloner // of the Parts before and what has been seen; nil once it is of no use
}

func (p *partMD5) Write(b []byte) {
	if p == nil || p.sum == nil {
		return
	}
	if p.r.over.Load() {
		p.sum = nil
		return
	}
	p.sum.Write(b)
}

// end says under which id the Part was recorded, "" if it was not.
func (p *partMD5) end(id string) {
	if p == nil {
		return
	}
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	p.r.sending--
	if id != "" && !p.r.over.Load() {
		p.r.sum, p.r.parts = p.sum, append(p.r.parts, id)
	}
}

// of returns the MD5 of as many of the Parts, from the first on, as it has seen, to go
// on from.
func (m *runningMD5s) of(uploadID string, parts []Part) (sum hash.Hash, seen int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.uploads[uploadID]
	if r == nil || len(r.parts) > len(parts) ||
		!slices.EqualFunc(r.parts, parts[:len(r.parts)], func(id string, p Part) bool { return id == p.ID }) {
		return md5.New(), 0
	}
	sum, _ = r.sum.Clone()
	return sum, len(r.parts)
}

// forget lets go of one Upload.
func (m *runningMD5s) forget(uploadID string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.uploads, uploadID)
}

// expire lets go of those that ended by now.
func (m *runningMD5s) expire(now int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, r := range m.uploads {
		if now >= r.ends {
			delete(m.uploads, id)
		}
	}
}
