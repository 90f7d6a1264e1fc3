package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/dustin/go-humanize"

	"uploadd/internal/blob"
	"uploadd/internal/meta"
	"uploadd/internal/uploads"
)

type migrateCmd struct {
	storeFlags
	targetFlags
	Verify bool `help:"Read back every byte that was copied, now and by runs before, and hold it against its checksum."`
}

// targetFlags are those that the new server will be given, with another beginning.
type targetFlags struct {
	ToData  string `placeholder:"DIR" help:"Where the new server will keep what it keeps nowhere else: its --data."`
	ToMeta  string `placeholder:"URL" help:"Where it will keep the records, if not in --to-data: its --meta."`
	ToBlobs string `placeholder:"URL" help:"Where it will keep the bytes, if not in --to-data: its --blobs. The same place as before leaves them there."`
}

func (f targetFlags) stores() storeFlags {
	return storeFlags{dataFlag: dataFlag{Data: f.ToData}, Meta: f.ToMeta, Blobs: f.ToBlobs}
}

// Run copies the bytes first and the records last: until then no server starts on the
// target.
func (c *migrateCmd) Run(env *environment) error {
	if c.ToData == "" && (c.ToMeta == "" || c.ToBlobs == "") {
		return errors.New("name the place to move to: --to-data, or both --to-meta and --to-blobs")
	}
	src, err := c.openForReading(env.ctx)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := c.targetFlags.stores().openAs(env.ctx, asTarget)
	if err != nil {
		return fmt.Errorf("the target: %w", err)
	}
	defer dst.Close()
	if src.disk != nil {
		hold, err := holdDeletions(src.disk.Dir())
		if err != nil {
			return err
		}
		defer hold.Close() // which lets them go on
	}
	m, err := beginMigration(env, src, dst, c.Verify)
	if err != nil {
		return err
	}
	return m.run(env.ctx)
}

// migration is one run of the command, begun.
type migration struct {
	env      *environment
	src, dst *stores
	target   *meta.Target
	blobs    *uploads.Migration
	stay     bool // the bytes, because source and target have one store of them
}

// beginMigration refuses a target that holds what came from elsewhere.
func beginMigration(env *environment, src, dst *stores, verify bool) (*migration, error) {
	if err := foreignBlob(env.ctx, src, dst); err != nil {
		return nil, err
	}
	target, err := dst.meta.Target(env.ctx, src.meta)
	if err != nil {
		return nil, fmt.Errorf("the target, which keeps %s: %w", dst, err)
	}
	m := &migration{env: env, src: src, dst: dst, target: target, blobs: &uploads.Migration{
		From: src.blobs, To: dst.blobs, Arrivals: target, Live: src.meta, Verify: verify,
		Report: reporter(env.stdout), Progress: progress(env.stderr),
	}}
	// Whether they share files: what is small may go into the records of either.
	files := uploads.Migration{From: src.apart(), To: dst.apart(), Arrivals: target}
	m.stay, err = files.Common(env.ctx)
	if err == nil && m.stay {
		err = noneSmall(src)
	}
	if err == nil {
		err = target.Stay(env.ctx, m.stay)
	}
	if err == nil && !m.stay {
		err = uploads.Pair(env.ctx, target, dst.apart())
	}
	if err != nil {
		return nil, fmt.Errorf("the target, which keeps %s: %w", dst, err)
	}
	return m, nil
}

// noneSmall refuses to leave the bytes where they are if some are in the records.
func noneSmall(src *stores) error {
	if _, some := src.blobs.(blob.Tiers); !some {
		return nil
	}
	for key, err := range src.meta.SmallKeys() {
		if err == nil {
			err = fmt.Errorf("small blobs such as %s are in the source's database, so the bytes cannot stay where they are: name another place for them", key)
		}
		return err
	}
	return nil
}

// reporter prints faults once: a second look finds them again.
func reporter(w io.Writer) func(fault string) {
	said := map[string]bool{}
	return func(fault string) {
		if !said[fault] {
			said[fault] = true
			fmt.Fprintln(w, fault)
		}
	}
}

// progress prints how far a copy has come, now and then.
func progress(w io.Writer) func(uploads.Moved) {
	const period = 10 * time.Second
	last := time.Now()
	return func(done uploads.Moved) {
		if time.Since(last) >= period {
			last = time.Now()
			fmt.Fprintf(w, "%d parts looked at, %d copied, %s\n", done.Parts, done.New, humanize.IBytes(uint64(done.Bytes)))
		}
	}
}

// foreignBlob refuses a store of blobs, where it can be listed, that holds one which
// neither the target's records nor the source knows.
func foreignBlob(ctx context.Context, src, dst *stores) error {
	if dst.keys() == nil {
		return nil
	}
	for key := range dst.keys() {
		known, err := dst.meta.Known(ctx, key)
		if err != nil {
			return err
		}
		if _, err := src.blobs.Size(ctx, key); !known && errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("the target, which keeps %s: %w: its records do not know the blob %s", dst, meta.ErrTaken, key)
		}
		return nil
	}
	return nil
}

// run copies what there is now, while the source goes on, and then, of one moment, what
// came meanwhile and the records. If blobs of that moment went before they were copied,
// another is chosen.
func (m *migration) run(ctx context.Context) error {
	var total uploads.Moved
	if !m.stay {
		var err error
		if total, err = m.blobs.Copy(ctx, m.src.meta, m.blobs.Verify); err != nil {
			return fmt.Errorf("copying the bytes: %w", err)
		}
	}
	for {
		at := time.Now()
		done, records, err := m.settle(ctx)
		if err != nil {
			return err
		}
		total.New, total.Bytes = total.New+done.New, total.Bytes+done.Bytes
		if done.Gone > 0 && done.Faults == 0 {
			continue
		}
		m.report(total, done, records, at)
		if done.Faults > 0 {
			return errFaults
		}
		return nil
	}
}

func (m *migration) report(total, done uploads.Moved, records int64, at time.Time) {
	if m.stay {
		fmt.Fprintln(m.env.stdout, "the bytes stay where they are")
	} else {
		fmt.Fprintf(m.env.stdout, "%d parts: %d of %s copied, %d were there, %d faults\n", done.Parts, total.New,
			humanize.IBytes(uint64(total.Bytes)), max(0, done.Parts-total.New-done.Faults), done.Faults)
	}
	if done.Faults > 0 {
		fmt.Fprintln(m.env.stdout, "no server can be started on the target until these Files and Uploads are whole, or deleted, and the migration is run again")
		return
	}
	fmt.Fprintf(m.env.stdout, "%d records as of %s: a server on the target will keep %s\n", records, at.Format(time.DateTime), m.dst)
}

// settle completes the migration, unless blobs are damaged or went meanwhile.
func (m *migration) settle(ctx context.Context) (done uploads.Moved, records int64, err error) {
	moment, err := m.src.meta.Snapshot(ctx)
	if err != nil {
		return done, 0, fmt.Errorf("the records of the source: %w", err)
	}
	defer moment.Close()
	if !m.stay {
		if done, err = m.blobs.Copy(ctx, moment, false); err != nil {
			return done, 0, fmt.Errorf("copying the bytes: %w", err)
		}
	}
	if done.Faults+done.Gone > 0 {
		return done, 0, nil
	}
	records, err = m.target.Load(ctx, moment, m.dst.now().Add(m.dst.settle).Unix())
	return done, records, err
}
