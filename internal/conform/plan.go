package conform

import (
	"fmt"
	"io"
	"strings"

	"github.com/dustin/go-humanize"
)

// cost is what something sends to a server that conforms, with what removes its traces.
type cost struct {
	requests int
	bytes    int64 // in bodies
}

func (c *cost) add(other cost) {
	c.requests += other.requests
	c.bytes += other.bytes
}

// Plan says what a run of these checks would send. Those that need another project's key
// send nothing without one.
func Plan(w io.Writer, checks []Check, otherKey bool) error {
	total, shares := overhead, false
	for i := range checks {
		id := checks[i].ID
		if strings.HasPrefix(id, "auth/other-") && !otherKey {
			continue
		}
		total.add(costs[id])
		shares = shares || sharing[id]
	}
	if shares {
		total.add(shelf)
	}
	_, err := fmt.Fprintf(w, `%s, %s, %s of bodies, to a server that conforms.
One that does not may be sent somewhat more: a request that it refuses may be tried without
expires_after, and one that it is too busy for up to %d times.

What is made has a name that begins with %s, expires within the hour where the server
lets it, and is removed behind its check. Two Files of purpose batch say nothing of their
end, and would live for 30 days if they could not be removed. Lists are read, to find what the
run itself has made. Nothing else of the account is touched. A wrong key is sent 5 times.
`, plural(len(checks), "check"), plural(total.requests, "request"), humanize.IBytes(uint64(total.bytes)), tries, Prefix)
	return err
}
