package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"uploadd/internal/access"
	"uploadd/internal/uploads"
)

type keysCmd struct {
	Create createKeyCmd `cmd:"" help:"Make a key and print it, once. While no key was ever made, anybody who reaches the server on a loopback address is let in; from then on nobody without one."`
	List   listKeysCmd  `cmd:"" help:"List the keys, without their secrets."`
	Revoke revokeKeyCmd `cmd:"" help:"End a key for good. A running server lets it in no more within 10 seconds."`
}

type createKeyCmd struct {
	storeFlags
	Project string        `required:"" placeholder:"NAME" help:"The project whose Uploads and Files the key is for. It is made if there is none."`
	Name    string        `placeholder:"TEXT" help:"What the key is for, to be seen in the list."`
	Scope   access.Scopes `default:"read,write,delete" placeholder:"SCOPES" help:"What it allows: some of read, write and delete, or upload for handing data in and nothing else (${default})."`
	Expires life          `placeholder:"DURATION" help:"How long it opens, such as 90d or 12h; for ever if not given."`
	limitFlags
}

func (c *createKeyCmd) Run(env *environment) error {
	if err := access.ValidateProject(c.Project); err != nil {
		return err
	}
	if strings.ContainsFunc(c.Name, func(r rune) bool { return !strconv.IsPrint(r) }) || len(c.Name) > 200 {
		return errors.New("--name: take up to 200 bytes that can be printed")
	}
	st, err := c.openOrMake(env.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	now := st.now()
	k := &access.Key{Project: c.Project, Name: c.Name, Scopes: c.Scope, CreatedAt: now.Unix()}
	if c.Expires != 0 {
		k.ExpiresAt = now.Add(time.Duration(c.Expires)).Unix()
	}
	limits := uploads.NoLimits
	c.apply(&limits)
	text := access.NewKey(k)
	if err := st.meta.CreateKey(env.ctx, k, limits); err != nil {
		return err
	}
	fmt.Fprintf(env.stderr, "%s of project %s allows %s. Its text is shown only this once:\n", k.ID, k.Project, k.Scopes)
	_, err = fmt.Fprintln(env.stdout, text)
	return err
}

type listKeysCmd struct {
	storeFlags
	Project string `placeholder:"NAME" help:"Only those of this project."`
	jsonFlag
}

// keyLine is a key as it is listed.
type keyLine struct {
	ID        string        `json:"id"`
	Project   string        `json:"project"`
	Name      string        `json:"name"`
	Scopes    string        `json:"scopes"`
	Status    access.Status `json:"status"`
	CreatedAt int64         `json:"created_at"`
	ExpiresAt int64         `json:"expires_at"` // 0 is never
}

func (c *listKeysCmd) Run(env *environment) error {
	st, err := c.openForReading(env.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	keys, err := st.meta.Keys(env.ctx, c.Project)
	if err != nil {
		return err
	}
	now := st.now()
	return table(env.stdout, c.JSON, keys, "ID\tPROJECT\tSCOPES\tSTATUS\tCREATED\tEXPIRES\tNAME",
		func(k *access.Key) any {
			return keyLine{k.ID, k.Project, k.Name, k.Scopes.String(), k.Status(now.Unix()), k.CreatedAt, k.ExpiresAt}
		},
		func(k *access.Key) string {
			expires := "never"
			if k.ExpiresAt != 0 {
				expires = date(k.ExpiresAt)
			}
			return strings.Join([]string{k.ID, k.Project, k.Scopes.String(), string(k.Status(now.Unix())), date(k.CreatedAt), expires, k.Name}, "\t")
		})
}

func date(unix int64) string { return time.Unix(unix, 0).UTC().Format("2006-01-02 15:04") }

type revokeKeyCmd struct {
	storeFlags
	ID string `arg:"" help:"The id of the key, as the list shows it, or the key itself."`
}

func (c *revokeKeyCmd) Run(env *environment) error {
	st, err := c.openForChange(env.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	id := access.IDOf(c.ID)
	err = st.meta.RevokeKey(env.ctx, id, st.now().Unix())
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no key '%.40s': see uploadd keys list", access.Redact(id))
	}
	if err == nil {
		fmt.Fprintf(env.stdout, "%s is revoked\n", id)
	}
	return err
}

// limitFlags are what a project or a key may hold. What is not given stays as it is.
type limitFlags struct {
	MaxBytes    *byteLimit  `placeholder:"SIZE|none" help:"The most bytes of Files and pending Uploads."`
	MaxFiles    *countLimit `placeholder:"N|none" help:"The most Files, with those that pending Uploads become."`
	MaxUploads  *countLimit `placeholder:"N|none" help:"The most pending Uploads."`
	MaxRequests *countLimit `placeholder:"N|none" help:"The most requests a minute, on each node."`
}

func (f *limitFlags) apply(l *uploads.Limits) {
	if f.MaxBytes != nil {
		l.Bytes = int64(*f.MaxBytes)
	}
	for to, from := range map[*int64]*countLimit{&l.Files: f.MaxFiles, &l.Uploads: f.MaxUploads, &l.Requests: f.MaxRequests} {
		if from != nil {
			*to = int64(*from)
		}
	}
}

const noLimit = "none"

type byteLimit int64

func (l *byteLimit) UnmarshalText(text []byte) error {
	if string(text) == noLimit {
		*l = uploads.Unlimited
		return nil
	}
	n, err := humanize.ParseBytes(string(text))
	if err != nil || n >= math.MaxInt64 {
		return fmt.Errorf("'%s' is not a size: write it like 500GB, or none", text)
	}
	*l = byteLimit(n)
	return nil
}

type countLimit int64

func (l *countLimit) UnmarshalText(text []byte) error {
	if string(text) == noLimit {
		*l = uploads.Unlimited
		return nil
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || n < 0 {
		return fmt.Errorf("'%s' is not a number: write it like 10000, or none", text)
	}
	*l = countLimit(n)
	return nil
}

const (
	day     = 24 * time.Hour
	maxLife = 36525 * day
)

// life is a duration that may be given in days.
type life time.Duration

func (l *life) UnmarshalText(text []byte) error {
	s := string(text)
	d, err := time.ParseDuration(s)
	if days, isDays := strings.CutSuffix(s, "d"); err != nil && isDays {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 64)
		d = time.Duration(min(n, uint64(maxLife/day)+1)) * day
	}
	if err == nil && d > maxLife {
		return fmt.Errorf("'%s' is more than a hundred years", s)
	}
	if err != nil || d < time.Second {
		return fmt.Errorf("'%s' is not a duration of a second or more: write it like 90d or 12h", s)
	}
	*l = life(d)
	return nil
}
