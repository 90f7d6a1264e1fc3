package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/alecthomas/kong"
	"github.com/dustin/go-humanize"
)

// configCmd shows what serve would run with. What it prints is a file for --config,
// but for passwords.
type configCmd struct{ serveFlags }

func (c *configCmd) Run(env *environment, ctx *kong.Context) error {
	out := tabwriter.NewWriter(env.stdout, 0, 0, 2, ' ', 0)
	for _, flag := range commandOf(ctx.Model.Node, "serve").Flags {
		mine := flagOf(ctx.Selected(), flag.Name)
		if mine == nil || flag.Name == "help" {
			continue
		}
		line := mine.Name + " = " + tomlOf(mine)
		if mine.Target.IsZero() { // which is what leaving it out means
			line = "# " + line
		}
		fmt.Fprintf(out, "%s\t# %s\n", line, originOf(ctx, mine))
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return c.validate()
}

// tomlOf is the value of a flag, as it is written in a file of settings, without what
// may be secret.
func tomlOf(flag *kong.Flag) string {
	value := flag.Target.Interface()
	switch v := value.(type) {
	case bool:
		return fmt.Sprint(v)
	case []string:
		quoted := make([]string, len(v))
		for i, s := range v {
			quoted[i] = quote(s)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	}
	text := fmt.Sprint(value)
	if n, ok := value.(size); ok && !exact(n) {
		text = fmt.Sprint(int64(n))
	}
	if flag.Tag.Has("secret") {
		text = withoutPasswords(text)
	}
	return quote(text)
}

// exact says whether a size is what it looks like.
func exact(n size) bool {
	again, err := humanize.ParseBytes(n.String())
	return err == nil && again == uint64(n)
}

// harmless are the parameters of a store's URL that are shown. Whatever else is written
// there may be a secret.
var harmless = []string{"endpoint", "region", "path_style", "sslmode", "sslrootcert", "host", "port", "user", "dbname", "application_name", "connect_timeout", "target_session_attrs", "pool_max_conns"}

// withoutPasswords hides those in the URL of a store. Its other parts are settings.
func withoutPasswords(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return redactURL(text)
	}
	if !strings.Contains(text, "://") {
		// A directory; or no URL of a store, and then nobody knows where in it a secret is.
		if !strings.HasPrefix(text, "/") && strings.ContainsAny(text, "@=") {
			return "xxxxx"
		}
		return text
	}
	q := u.Query()
	for name, values := range q {
		if !slices.Contains(harmless, name) || strings.Contains(strings.Join(values, ""), "@") {
			q.Set(name, "xxxxx")
			u.RawQuery = q.Encode()
		}
	}
	return u.Redacted()
}

// quote writes a text in TOML, whose escapes are those of JSON.
func quote(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic(err) // a string can be encoded
	}
	return strings.TrimSpace(b.String())
}

// originOf says where the value of a flag comes from.
func originOf(ctx *kong.Context, flag *kong.Flag) string {
	for _, p := range ctx.Path {
		if p.Flag == flag && !p.Resolved {
			return "the command line"
		}
	}
	if name := variableOf(flag); name != "" {
		return name
	}
	for _, p := range ctx.Path {
		if p.Flag == flag {
			return ctx.FlagValue(flagOf(ctx.Model.Node, "config")).(string)
		}
	}
	return "default"
}
