package uploads

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Arrivals is what the records of a migration's target know of its blobs. A key is known
// there before the first byte is stored under it, so that no blob is ever lost sight of.
type Arrivals interface {
	// Arrived says which of the keys, [ArrivalsAtOnce] at most, are known. It has nil for
	// those whose blobs are not whole, and may be there in part.
	Arrived(ctx context.Context, keys []string) (map[string]*Arrival, error)
	// Expect makes keys known, and their blobs not whole.
	Expect(ctx context.Context, keys []string) error
	// Arrive says that blobs are there whole, and survive a loss of power.
	Arrive(ctx context.Context, blobs []Arrival) error
}

// Arrival is a blob that is there whole.
type Arrival struct {
	Key     string
	Padding int64 // its bytes behind those of its Part: see Blobs.Put
}

const (
	// ArrivalsAtOnce is how many keys [Arrivals] is asked about at most.
	ArrivalsAtOnce = 256
	// arrivalsLost is how many blobs at most are copied again after a crash: so many
	// share a step of Arrivals.
	arrivalsLost = 64
	// copiers is how many blobs are copied at once: each waits for two stores.
	copiers = 8
)

// Migration copies blobs to a store that other records are to refer to.
type Migration struct {
	From, To Blobs
	Arrivals Arrivals
	// Live is the records of From as they are now, which others may change: a blob that
	// went with its record is no fault.
	Live Meta
	// Verify reads every blob back that was copied.
	Verify bool
	// Report is called with each Part that cannot be copied. The others are.
	Report func(fault string)
	// Progress is called now and then with what has been done so far.
	Progress func(Moved)
}

// Moved is what a Migration did.
type Moved struct {
	Copied
	Gone int // Parts of the records whose blobs went meanwhile, with their record
}

// Copy copies the blobs of all Parts in records that have not arrived. With reread those
// that have are read, and copied again where they are damaged. Its error says that it
// could not go on.
func (m *Migration) Copy(ctx context.Context, records Meta, reread bool) (Moved, error) {
	c := &moving{Migration: m, reread: reread}
	for after := int64(0); ; {
		parts, err := records.AllParts(ctx, after, ArrivalsAtOnce)
		if err != nil || len(parts) == 0 {
			return c.done, err
		}
		after = parts[len(parts)-1].Seq
		if err := c.batch(ctx, parts); err != nil {
			return c.done, err
		}
	}
}

// moving is one Copy.
type moving struct {
	*Migration
	reread bool

	mu   sync.Mutex // of what follows, and of Report
	done Moved
}

// batch copies what is missing of as many Parts as Arrivals can be asked about.
func (c *moving) batch(ctx context.Context, parts []Part) error {
	c.done.Parts += len(parts)
	known, err := c.Arrivals.Arrived(ctx, keysOf(parts))
	if err != nil {
		return err
	}
	var todo []Part
	for i := range parts {
		if c.reread || known[parts[i].ID] == nil {
			todo = append(todo, parts[i])
		}
	}
	for ; len(todo) > 0; todo = todo[min(arrivalsLost, len(todo)):] {
		if err := c.few(ctx, todo[:min(arrivalsLost, len(todo))], known); err != nil {
			return err
		}
		c.Progress(c.done)
	}
	return nil
}

func keysOf(parts []Part) []string {
	keys := make([]string, len(parts))
	for i := range parts {
		keys[i] = parts[i].ID
	}
	return keys
}

// few looks at what is there already, and copies the others.
func (c *moving) few(ctx context.Context, parts []Part, known map[string]*Arrival) error {
	damaged := make([]bool, len(parts))
	err := each(ctx, parts, func(ctx context.Context, i int) error {
		if a := known[parts[i].ID]; a != nil {
			damaged[i] = c.verify(ctx, &parts[i], a) != nil
		}
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	var missing []Part
	for i := range parts {
		if damaged[i] || known[parts[i].ID] == nil {
			missing = append(missing, parts[i])
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if err := c.Arrivals.Expect(ctx, keysOf(missing)); err != nil {
		return err
	}
	var arrived []Arrival
	err = each(ctx, missing, func(ctx context.Context, i int) error {
		p := &missing[i]
		if _, begun := known[p.ID]; begun {
			if _, err := c.To.Delete(ctx, []string{p.ID}); err != nil {
				return err
			}
		}
		a, err := c.one(ctx, p)
		if a != nil {
			c.mu.Lock()
			arrived = append(arrived, *a)
			c.mu.Unlock()
		}
		return err
	})
	return errors.Join(err, c.Arrivals.Arrive(context.WithoutCancel(ctx), arrived))
}

// each calls do for all of the parts, some at once, until one fails.
func each(ctx context.Context, parts []Part, do func(ctx context.Context, i int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(copiers)
	for i := range parts {
		g.Go(func() error { return do(ctx, i) })
	}
	return g.Wait()
}

// one copies a blob. It returns nil for one that cannot be: what is wrong with a blob is
// no reason to stop.
func (c *moving) one(ctx context.Context, p *Part) (*Arrival, error) {
	size, unreadable, err := copyPart(ctx, c.From, c.To, p, 0)
	if err != nil {
		return nil, err
	}
	if unreadable != nil {
		return nil, c.unreadable(ctx, p, unreadable)
	}
	a := &Arrival{p.ID, size - p.Bytes}
	if c.Verify {
		if wrong := c.verify(ctx, p, a); wrong != nil {
			c.fault(p, fmt.Errorf("its copy: %w", wrong))
			return nil, ctx.Err()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done.New++
	c.done.Bytes += p.Bytes
	return a, nil
}

// unreadable is a fault, unless the Part has been let go of meanwhile.
func (c *moving) unreadable(ctx context.Context, p *Part, wrong error) error {
	now, err := c.Live.AllParts(ctx, p.Seq-1, 1)
	if err != nil {
		return err
	}
	if len(now) == 0 || now[0].ID != p.ID {
		c.mu.Lock()
		c.done.Gone++
		c.mu.Unlock()
		return nil
	}
	if errors.Is(wrong, fs.ErrNotExist) {
		wrong = errors.New("its bytes are missing")
	}
	c.fault(p, wrong)
	return nil
}

func (c *moving) fault(p *Part, wrong error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done.Faults++
	c.Report(fmt.Sprintf("part %s%s: %s", p.ID, belongsTo(p), wrong))
}

// verify holds the copy of a blob against what is known of it.
func (m *Migration) verify(ctx context.Context, p *Part, a *Arrival) error {
	copied := *p
	copied.Padding = a.Padding
	return verifyBlob(ctx, m.To, &copied, true)
}

// Common reports whether both stores are one, whatever they are called: what is put into
// the one is looked for in the other.
func (m *Migration) Common(ctx context.Context) (bool, error) {
	key := newHexID(partPrefix)
	if err := m.Arrivals.Expect(ctx, []string{key}); err != nil {
		return false, err
	}
	// Large enough for a store that keeps small blobs elsewhere.
	probe := strings.Repeat("?", blockSize)
	if _, err := m.To.Put(ctx, key, &source{r: strings.NewReader(probe), left: blockSize}); err != nil {
		return false, err
	}
	_, err := m.From.Size(ctx, key)
	common := err == nil
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	_, derr := m.To.Delete(ctx, []string{key})
	return common, errors.Join(err, derr)
}
