package histories

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"
)

// kind is what a client asks of the one Upload of a history, and of its File.
type kind string

const (
	addPart   kind = "add part"
	complete  kind = "complete"
	cancel    kind = "cancel"
	getUpload kind = "get upload"
	listParts kind = "list parts"
	getFile   kind = "get file"
	listFiles kind = "list files"
	download  kind = "download"
	deletion  kind = "delete"
)

// wanted is how many Parts make the File: all are of one size.
const wanted = 4

type input struct {
	kind kind
	data string   // of a part that is added
	ids  []string // of the parts that are to make the File
}

// outcome is what became of a request.
type outcome int

const (
	refused outcome = iota // 4xx
	ok                     // 2xx
	lost                   // nobody knows: it happened or not
)

type output struct {
	outcome outcome
	id      string   // of the part that was added, or of the File
	status  string   // of the Upload
	ids     []string // of the listed parts
	data    string   // what was read
}

// state is an Upload and its File, as a sequential server would have them.
type state struct {
	status  string
	parts   map[string]string // id → data; never changed in place
	file    string            // its id, "" if nobody was told it yet
	ids     []string          // what it consists of
	deleted bool
}

// has says whether there is a File.
func (s state) has() bool { return s.status == "completed" && !s.deleted }

// isFile says whether id may be the File's; the first to tell decides.
func (s *state) isFile(id string) bool {
	if s.file == "" {
		s.file = id
	}
	return s.file == id
}

// completable says whether ids make the File.
func (s state) completable(ids []string) bool {
	seen := map[string]bool{}
	for _, id := range ids {
		if _, known := s.parts[id]; !known || seen[id] {
			return false
		}
		seen[id] = true
	}
	return len(ids) == wanted
}

func (s state) content() string {
	var b strings.Builder
	for _, id := range s.ids {
		b.WriteString(s.parts[id])
	}
	return b.String()
}

// step says whether out is a right answer to in in state s, and what follows.
func step(s state, in input, out output) (bool, state) {
	switch in.kind {
	case addPart:
		return s.addPart(in, out)
	case complete:
		return s.complete(in, out)
	case cancel:
		return s.cancel(out)
	case deletion:
		return s.delete(out)
	}
	return s.look(in, out)
}

func (s state) addPart(in input, out output) (bool, state) {
	if out.outcome == refused {
		return s.status != "pending", s
	}
	if s.status != "pending" {
		return false, s
	}
	s.parts = maps.Clone(s.parts)
	s.parts[out.id] = in.data
	return true, s
}

func (s state) complete(in input, out output) (bool, state) {
	again := s.has() && slices.Equal(s.ids, in.ids)
	first := s.status == "pending" && s.completable(in.ids)
	switch out.outcome {
	case refused:
		return !again && !first, s
	case lost:
		if first {
			s.status, s.ids = "completed", in.ids
		}
		return true, s
	}
	if first {
		s.status, s.ids = "completed", in.ids
	}
	return (again || first) && s.isFile(out.id), s
}

func (s state) cancel(out output) (bool, state) {
	if out.outcome == refused {
		return s.status == "completed", s
	}
	legal := s.status != "completed"
	if legal {
		s.status = "cancelled"
	}
	return legal || out.outcome == lost, s
}

func (s state) delete(out output) (bool, state) {
	legal := s.has()
	if out.outcome == refused {
		return !legal, s
	}
	s.deleted = s.deleted || legal
	return legal || out.outcome == lost, s
}

// look is for requests that change nothing. Those without an answer are no part
// of a history.
func (s state) look(in input, out output) (bool, state) {
	switch in.kind {
	case getUpload:
		if out.status != s.status || (out.id != "") != s.has() {
			return false, s
		}
		return out.id == "" || s.isFile(out.id), s
	case listParts:
		want := s.ids
		if s.status == "pending" {
			want = slices.Collect(maps.Keys(s.parts))
		} else if !s.has() {
			want = nil
		}
		return slices.Equal(slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(out.ids))), s
	case download:
		if out.outcome == ok {
			return s.has() && out.data == s.content(), s
		}
	}
	return s.has() == (out.outcome == ok), s // getFile, listFiles, and a download that was refused
}

var model = porcupine.Model{
	Init: func() any { return state{status: "pending", parts: map[string]string{}} },
	Step: func(s, in, out any) (bool, any) {
		legal, next := step(s.(state), in.(input), out.(output))
		return legal, next
	},
	Equal: func(a, b any) bool {
		x, y := a.(state), b.(state)
		return x.status == y.status && x.file == y.file && x.deleted == y.deleted &&
			slices.Equal(x.ids, y.ids) && maps.Equal(x.parts, y.parts)
	},
	DescribeOperation: func(in, out any) string {
		i, o := in.(input), out.(output)
		return fmt.Sprintf("%s %s%.8s → %s %.16s%s%s", i.kind, i.data, i.ids,
			[]string{"refused", "ok", "lost"}[o.outcome], o.id, o.status, o.data)
	},
	DescribeState: func(s any) string {
		v := s.(state)
		return fmt.Sprintf("%s, %d parts, file %.16s, deleted %v", v.status, len(v.parts), v.file, v.deleted)
	},
}
