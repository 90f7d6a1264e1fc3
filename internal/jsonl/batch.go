package jsonl

import (
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
)

// MaxRequests is how many requests a batch has at most, as OpenAI documents it. It is
// also what bounds the memory for their ids.
const MaxRequests = 50_000

// Batch says what is wrong with a file of requests for the Batch API, "" if nothing is:
// each line is an object with a custom_id that no other line has, a method, which is
// POST, the url of an endpoint, and a body. What the body must be is the endpoint's
// affair. err is an error of r.
func Batch(r io.Reader) (fault string, err error) {
	// A digest of each id, and not the ids, which may be of any length.
	lines := map[[16]byte]int64{}
	var line int64
	once := func(raw []byte) string {
		sum := sha256.Sum256([]byte(unquoted(raw)))
		id := [16]byte(sum[:])
		if before, ok := lines[id]; ok {
			return fmt.Sprintf(" is that of line %d", before)
		}
		lines[id] = line
		return ""
	}
	request := anObject(4,
		field{"custom_id", textThat(once)},
		field{"method", textThat(isPost)},
		field{"url", textThat(isPath)},
		field{"body", a(object)})
	return each(r, func(n int64, s *scanner) error {
		if line = n; len(lines) == MaxRequests {
			return shapeError(fmt.Sprintf(" a batch has at most %d requests", MaxRequests))
		}
		return request(s)
	})
}

func isPost(raw []byte) string {
	if is(raw, "POST") {
		return ""
	}
	return " must be 'POST'"
}

// isPath takes any path: those who run models themselves have endpoints of their own,
// and some have no /v1.
func isPath(raw []byte) string {
	if strings.HasPrefix(unquoted(raw), "/") {
		return ""
	}
	return " must be a path, such as '/v1/chat/completions'"
}
