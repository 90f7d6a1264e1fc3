package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"uploadd/api"
)

type lsCmd struct {
	Purpose string `placeholder:"PURPOSE" help:"Only files of this purpose."`
	JSON    bool   `name:"json" help:"One JSON object a line, as the server has it."`
	serverFlag
}

func (lsCmd) Help() string {
	return "Columns: id, size, age, purpose, name. The newest file comes first.\n\n" +
		"  upload ls --purpose=batch\n" +
		"  upload ls --json | jq -r 'select(.bytes > 1e9).id'"
}

func (c *lsCmd) Run(env *environment) error {
	server, err := c.api(env)
	if err != nil {
		return err
	}
	now := time.Now()
	for file, err := range files(env.ctx, server, c.Purpose) {
		if err != nil {
			return err
		}
		if c.JSON {
			err = writeJSON(env.stdout, file)
		} else {
			_, err = fmt.Fprintln(env.stdout, fileLine(file, now))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func fileLine(f *api.File, now time.Time) string {
	return fmt.Sprintf("%-27s  %9s  %4s  %-10s  %s", shown(f.ID), bytesText(f.Bytes),
		age(time.Unix(f.CreatedAt, 0), now), shown(f.Purpose), shown(f.Filename))
}

// files are all files of a purpose, or of all when it is "", the newest first.
func files(ctx context.Context, server api.API, purpose string) iter.Seq2[*api.File, error] {
	return pages(func(after string) (*api.List[api.File], error) {
		return server.ListFiles(ctx, api.ListQuery{After: after, Limit: pageSize, Purpose: purpose})
	})
}

// pageSize keeps an answer small enough to come quickly.
const pageSize = 1000

// pages walks through a list to its end.
func pages[T any](page func(after string) (*api.List[T], error)) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		for after := ""; ; {
			list, err := page(after)
			if err != nil {
				yield(nil, err)
				return
			}
			for i := range list.Data {
				if !yield(&list.Data[i], nil) {
					return
				}
			}
			if !list.HasMore {
				return
			}
			if list.LastID == nil || *list.LastID == after { // it would never end
				yield(nil, errors.New("the server says that its list goes on, but not where"))
				return
			}
			after = *list.LastID
		}
	}
}

// writeJSON writes v on one line.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
