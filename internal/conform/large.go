package conform

import (
	"fmt"
	"hash/crc32"
	"io"
	"strings"
)

// What sends much, or often. --large adds it.

var largeChecks = []Check{
	{"large/part", "A Part of 67,108,864 bytes is taken, which is what the Python SDK sends, and comes back.", SDK, pyPartSize, largePart},
	{"large/part-limit", "A Part of one byte more is refused, and the refusal can be read.", Documented, refAddPart, largePartLimit},
	{"large/page", "A list without a limit has 30 Files on one page: the default is 10,000, and the .NET SDK asks once.", SDK, refListFiles, largePage},
	{"large/boundary", "A File of 1,048,224 bytes in chunks, with the purpose behind it, is taken.", Data, rubyEdge, largeBoundary},
}

const largest = 64 << 20

func largePart(p *probe) {
	u := p.upload(largest)
	id := p.succeeds(p.do(largeForm(u.path("parts"), largest))).text("id")
	f := p.succeeds(u.finish(id)).inner("file")
	got, want := &summed{}, &summed{}
	if _, err := io.Copy(want, zeros(largest)); err != nil {
		panic(err) // neither can fail
	}
	a := p.do(&request{method: "GET", path: "/files/" + f.text("id") + "/content", sink: got})
	if !a.ok() {
		p.cannot("GET /files/{id}/content answers %s", a)
	}
	if *got != *want {
		p.differs(a, fmt.Sprintf("%d bytes as they were sent", want.n), fmt.Sprintf("%d bytes of another sum", got.n))
	}
}

// summed counts and sums what is written to it.
type summed struct {
	n   int64
	sum uint32
}

func (s *summed) Write(b []byte) (int, error) {
	s.n, s.sum = s.n+int64(len(b)), crc32.Update(s.sum, crc32.IEEETable, b)
	return len(b), nil
}

func largePartLimit(p *probe) {
	u := p.upload(2 * largest)
	p.refused(p.do(largeForm(u.path("parts"), largest+1)), "the Part is larger than 64 MiB")
}

func largePage(p *probe) {
	for i := range 30 {
		p.file(p.Purpose, line(i))
	}
	a := p.get("/files", "")
	data, _ := p.needs(a).list("data")
	if len(data) < 30 {
		p.differs(a, "30 Files or more", fmt.Sprint(len(data)))
	}
}

// largeBoundary is a form that has made a parser take the line end before a boundary for
// a part of the purpose, because the boundary lay across the edge of its buffer.
func largeBoundary(p *probe) {
	const size = 1_048_224
	text := strings.Repeat(line(1), size/len(line(1))+1)[:size]
	f := p.succeeds(p.postFile(nodeFile(p.name(".jsonl"), p.Purpose, text)))
	p.reads(f, text, "the bytes as they were sent")
}
