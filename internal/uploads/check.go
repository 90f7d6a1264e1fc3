package uploads

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
)

// Checker holds the records and the blobs against each other. It changes
// nothing, and may run beside a server: what looks wrong only because it was
// changed in between is looked at again and not reported.
type Checker struct {
	Meta  Meta
	Blobs Blobs
	// Keys lists all blobs, to find those that nothing refers to; nil where the
	// store cannot list. An error of it is reported as a fault.
	Keys iter.Seq2[string, error]
	// ReadData reads every blob and holds it against its checksum.
	ReadData bool
	// Report is called with each fault found.
	Report func(fault string)
	// Now is the present, in Unix seconds: Files that expired are not looked at.
	Now int64
}

// Summary is what a check looked at, and how many faults it reported.
type Summary struct {
	Files, Parts int
	Bytes        int64
	Faults       int
}

const checkBatch = 1000

// Check does it. Its error says that it could not go on.
func (c *Checker) Check(ctx context.Context) (s Summary, err error) {
	for _, step := range []func(context.Context, *Summary) error{c.parts, c.files, c.orphans, c.accounts, c.leftovers} {
		if err := step(ctx, &s); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (c *Checker) fault(s *Summary, format string, args ...any) {
	s.Faults++
	c.Report(fmt.Sprintf(format, args...))
}

// parts looks for the blob of every Part.
func (c *Checker) parts(ctx context.Context, s *Summary) error {
	for after := int64(0); ; {
		parts, err := c.Meta.AllParts(ctx, after, checkBatch)
		if err != nil || len(parts) == 0 {
			return err
		}
		for i := range parts {
			p := &parts[i]
			after = p.Seq
			s.Parts++
			s.Bytes += p.Bytes
			if wrong := verifyBlob(ctx, c.Blobs, p, c.ReadData); wrong != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if still, err := c.unchanged(ctx, p); err != nil {
					return err
				} else if still {
					c.fault(s, "part %s%s: %s", p.ID, belongsTo(p), wrong)
				}
			}
		}
	}
}

// unchanged reports whether the Part is still recorded, so that what is wrong
// with its blob is a fault.
func (c *Checker) unchanged(ctx context.Context, p *Part) (bool, error) {
	again, err := c.Meta.AllParts(ctx, p.Seq-1, 1)
	return len(again) == 1 && again[0].ID == p.ID, err
}

func belongsTo(p *Part) string {
	if p.FileID != "" {
		return " of " + p.FileID
	}
	return " of " + p.UploadID
}

// verifyBlob says what is wrong with the blob of p, nil for nothing. With read it is read.
func verifyBlob(ctx context.Context, blobs Blobs, p *Part, read bool) error {
	n, err := blobs.Size(ctx, p.ID)
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("its bytes are missing")
	}
	if err != nil {
		return err
	}
	if n != p.stored() {
		return fmt.Errorf("%d bytes are stored, and the record says %d", n, p.stored())
	}
	if !read {
		return nil
	}
	r, err := blobs.Open(ctx, p.ID, 0, p.Bytes)
	if err != nil {
		return err
	}
	var sum blockSums
	_, err = io.CopyBuffer(&sum, io.LimitReader(r, p.Bytes), make([]byte, blockSize))
	if err = errors.Join(err, r.Close()); err != nil {
		return err
	}
	sums, whole := sum.done()
	if whole != p.CRC32C {
		return fmt.Errorf("its bytes have checksum %08x, and the record says %08x", whole, p.CRC32C)
	}
	if !bytes.Equal(sums, p.Sums) && len(p.Sums) > 0 {
		return errors.New("the record's checksums of its blocks are not those of its bytes")
	}
	return nil
}

// files looks whether the Parts of every File make the whole of it.
func (c *Checker) files(ctx context.Context, s *Summary) error {
	for after := int64(0); ; {
		files, err := c.Meta.AllFiles(ctx, after, c.Now, checkBatch)
		if err != nil || len(files) == 0 {
			return err
		}
		for i := range files {
			f := &files[i]
			after = f.Seq
			s.Files++
			parts, err := c.Meta.FileParts(ctx, f.Project, f.ID)
			if err != nil {
				return err
			}
			wrong := wholeness(f, parts)
			if wrong == "" {
				continue
			}
			if _, err := c.Meta.File(ctx, f.Project, f.ID, c.Now); errors.Is(err, fs.ErrNotExist) {
				continue // deleted since
			} else if err != nil {
				return err
			}
			c.fault(s, "file %s: %s", f.ID, wrong)
		}
	}
}

// wholeness says what keeps parts from being the File, "" for nothing.
func wholeness(f *File, parts []Part) string {
	if len(parts) != f.Parts {
		return fmt.Sprintf("%d of its %d parts are recorded", len(parts), f.Parts)
	}
	var total int64
	for i := range parts {
		if parts[i].Offset != total {
			return fmt.Sprintf("its part %s begins at byte %d instead of %d", parts[i].ID, parts[i].Offset, total)
		}
		total += parts[i].Bytes
	}
	if total != f.Bytes {
		return fmt.Sprintf("its parts have %d bytes, and the record says %d", total, f.Bytes)
	}
	if crc := combined(parts); crc != f.CRC32C {
		return fmt.Sprintf("its parts have checksum %08x together, and the record says %08x", crc, f.CRC32C)
	}
	return ""
}

// orphans looks for Parts of nothing.
func (c *Checker) orphans(ctx context.Context, s *Summary) error {
	parts, err := c.Meta.Orphans(ctx, checkBatch)
	for i := range parts {
		c.fault(s, "part %s%s: there is no such record", parts[i].ID, belongsTo(&parts[i]))
	}
	return err
}

// accounts looks whether every project and key holds what its account says.
func (c *Checker) accounts(ctx context.Context, s *Summary) error {
	wrong, err := c.Meta.Miscounted(ctx)
	for _, a := range wrong {
		c.fault(s, "%s: its account does not say what it holds: it is off by %d bytes, %d reserved, %d files and %d uploads",
			a, a.Bytes, a.Reserved, a.Files, a.Uploads)
	}
	return err
}

// leftovers looks for blobs that nothing refers to.
func (c *Checker) leftovers(ctx context.Context, s *Summary) error {
	if c.Keys == nil {
		return nil
	}
	for key, err := range c.Keys {
		if err != nil {
			c.fault(s, "%s: %s", key, err)
			continue
		}
		known, err := c.Meta.Known(ctx, key)
		if err != nil {
			return err
		}
		if known {
			continue
		}
		// A blob that the janitor deleted meanwhile is no longer there.
		if _, err := c.Blobs.Size(ctx, key); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		c.fault(s, "blob %s: nothing refers to it", key)
	}
	return nil
}
