package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"uploadd/internal/conform"
)

// conformCmd asks any server what the APIs promise. It knows nothing of this one.
type conformCmd struct {
	BaseURL  string        `env:"-" placeholder:"URL" help:"The server, with /v1 where it has it. If it is not given, the environment names it with OPENAI_BASE_URL, and its key with OPENAI_API_KEY."`
	Key      string        `env:"-" placeholder:"KEY" help:"A key of the server. It is never shown."`
	OtherKey string        `env:"UPLOADD_CONFORM_OTHER_KEY" placeholder:"KEY" help:"A key of another project, which must see nothing of what the first one makes."`
	Purpose  string        `default:"batch" placeholder:"PURPOSE" help:"The purpose of what is made. Its Files must be such that the server lets them be read back (${default})."`
	Azure    bool          `help:"The server is Azure OpenAI's: the key goes into the header api-key, and Uploads live for two hours."`
	Header   []string      `sep:"none" placeholder:"'NAME: VALUE'" help:"Add a header to every request."`
	Query    []string      `sep:"none" placeholder:"NAME=VALUE" help:"Add a parameter to every request, such as api-version=2024-10-21."`
	Pause    time.Duration `default:"0s" placeholder:"DURATION" help:"The least time from one request to the next (${default})."`

	Only   string           `placeholder:"REGEXP" help:"Only the checks whose ids match."`
	Large  bool             `help:"Add the checks that send much."`
	FailOn conform.Severity `default:"sdk" placeholder:"SEVERITY" help:"Exit with 1 on differences of this severity or a worse one: data, sdk, documented or cosmetic (${default})."`
	List   bool             `help:"List the checks with their sources, and ask no server."`
	DryRun bool             `help:"Say what would be sent, and ask no server."`
	Clean  bool             `help:"Remove what earlier runs have left behind, and check nothing."`

	JSON     bool `name:"json" xor:"format" help:"Print one JSON object."`
	Markdown bool `xor:"format" help:"Print a table in Markdown."`
}

// Help is what --help adds.
func (*conformCmd) Help() string {
	return "It is safe on an account that is in use: what it makes has names that begin with " + conform.Prefix +
		", expires within the hour where the server lets it, and is removed behind each check."
}

// Validate refuses what cannot be meant.
func (c *conformCmd) Validate() error {
	if _, err := regexp.Compile(c.Only); err != nil {
		return fmt.Errorf("--only: %w", err)
	}
	if len(c.checks()) == 0 {
		return fmt.Errorf("--only=%s matches no check: see --list", c.Only)
	}
	if c.List || c.DryRun {
		return nil
	}
	if err := c.resolve(); err != nil {
		return err
	}
	o, err := c.options(nil)
	if err != nil {
		return err
	}
	return o.Validate()
}

// resolve takes from the environment what was not said. A key comes from where its
// server's address does: it is never sent to where it does not belong.
func (c *conformCmd) resolve() error {
	base, key := os.Getenv("OPENAI_BASE_URL"), os.Getenv("OPENAI_API_KEY")
	switch {
	case c.BaseURL == "" && base == "":
		return errors.New("say which server with --base-url or OPENAI_BASE_URL, such as http://127.0.0.1:8080/v1")
	case c.BaseURL != "" && c.BaseURL != base && c.Key == "" && key != "":
		return errors.New("OPENAI_API_KEY may not be for the server of --base-url, and is not sent there: give --key, or name the server with OPENAI_BASE_URL")
	}
	c.BaseURL, c.Key = cmp.Or(c.BaseURL, base), cmp.Or(c.Key, key)
	return nil
}

func (c *conformCmd) checks() []conform.Check {
	var only *regexp.Regexp
	if c.Only != "" {
		only = regexp.MustCompile(c.Only) // Validate has tried it
	}
	return conform.Select(only, c.Large)
}

func (c *conformCmd) options(progress func(done, of int, id string)) (conform.Options, error) {
	o := conform.Options{
		BaseURL: c.BaseURL, Key: c.Key, OtherKey: c.OtherKey, Purpose: c.Purpose, Azure: c.Azure, Pause: c.Pause,
		Header: http.Header{}, Query: url.Values{}, Progress: progress,
	}
	for _, h := range c.Header {
		name, value, ok := strings.Cut(h, ":")
		if !ok || name == "" {
			return o, errors.New("--header: write it like 'Name: value'")
		}
		o.Header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	for _, q := range c.Query {
		name, value, ok := strings.Cut(q, "=")
		if !ok || name == "" {
			return o, errors.New("--query: write it like name=value")
		}
		o.Query.Add(name, value)
	}
	return o, nil
}

func (c *conformCmd) Run(env *environment) error {
	switch checks := c.checks(); {
	case c.List:
		return conform.List(env.stdout, checks)
	case c.DryRun:
		return conform.Plan(env.stdout, checks, c.OtherKey != "")
	case c.Clean:
		return c.clean(env)
	default:
		return c.run(env, checks)
	}
}

func (c *conformCmd) run(env *environment, checks []conform.Check) error {
	defer secondSignal(env.ctx)()
	width, terminal := screen(env.stdout)
	progress, done := progressOn(env.stderr)
	o, err := c.options(progress)
	if err != nil {
		return err
	}
	report, err := conform.Run(env.ctx, o, checks)
	done()
	if err != nil {
		return err
	}
	switch {
	case c.JSON:
		err = report.JSON(env.stdout)
	case c.Markdown:
		err = report.Markdown(env.stdout)
	default:
		err = report.Text(env.stdout, width, terminal && os.Getenv("NO_COLOR") == "")
	}
	if err == nil && (report.Worst() >= c.FailOn || report.Interrupted || len(report.Left) > 0) {
		return errFaults
	}
	return err
}

func (c *conformCmd) clean(env *environment) error {
	defer secondSignal(env.ctx)()
	o, err := c.options(nil)
	if err != nil {
		return err
	}
	removed, left, err := conform.Clean(env.ctx, o)
	if err != nil {
		return err
	}
	fmt.Fprintf(env.stdout, "%d removed, %d left\n", removed, len(left))
	for _, l := range left {
		fmt.Fprintf(env.stdout, "not removed: %s %s: %s\n", l.Object, l.ID, l.Reason)
	}
	if len(left) > 0 {
		return errFaults
	}
	return nil
}

// secondSignal lets a second Ctrl-C end the program at once: the first one lets what was
// made be removed. The function that it returns ends that.
func secondSignal(ctx context.Context) func() bool {
	return context.AfterFunc(ctx, func() { signal.Reset(os.Interrupt, syscall.SIGTERM) })
}

// screen is how wide w is, and whether it is a terminal.
func screen(w io.Writer) (width int, terminal bool) {
	const wide = 120
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return wide, false
	}
	if width, _, err := term.GetSize(int(f.Fd())); err == nil {
		return width, true
	}
	return wide, true
}

// progressOn shows on a terminal which check runs. done takes it away.
func progressOn(w io.Writer) (progress func(done, of int, id string), done func()) {
	const eraseLine = "\r\x1b[K"
	if _, terminal := screen(w); !terminal {
		return nil, func() {}
	}
	return func(done, of int, id string) { fmt.Fprintf(w, "%s%d/%d %s", eraseLine, done+1, of, id) },
		func() { fmt.Fprint(w, eraseLine) }
}
