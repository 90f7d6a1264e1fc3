package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"uploadd/internal/access"
	"uploadd/internal/hooks"
)

type hooksCmd struct {
	Create createHookCmd `cmd:"" help:"Make a hook and print its secret, once. Running servers tell it what happens from then on."`
	List   listHooksCmd  `cmd:"" help:"List the hooks, without their secrets, and what they are yet to be told."`
	Test   testHookCmd   `cmd:"" help:"Send a hook.test to a hook from this machine, and say what its endpoint answers. Exits 1 if that is no success."`
	Rotate rotateHookCmd `cmd:"" help:"Give a hook a new secret and print it, once. For a while the one before signs as well."`
	Remove removeHookCmd `cmd:"" help:"End a hook for good. What it was yet to be told it is told no more."`
}

// hookClient sends events over a transport of its own, by way of the proxy that the
// environment names, if it does.
func hookClient() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost, t.IdleConnTimeout = 4, 30*time.Second
	return hooks.NewClient(t)
}

// dispatcher delivers what is recorded in st.
func dispatcher(st *stores, now func() time.Time, log *slog.Logger) *hooks.Dispatcher {
	return &hooks.Dispatcher{Store: st.meta, Client: hookClient(), Now: now, Log: log, Exclusive: st.lock != nil}
}

type createHookCmd struct {
	storeFlags
	Project string      `required:"" placeholder:"NAME" help:"The project whose Uploads and Files it is told of. It is made if there is none."`
	URL     string      `name:"url" required:"" placeholder:"URL" help:"Where it is told: POST requests are sent there."`
	Event   hooks.Types `default:"upload.completed,upload.expired,file.deleted" placeholder:"EVENTS" help:"What it is told of (${default})."`
}

func (c *createHookCmd) Run(env *environment) error {
	if err := access.ValidateProject(c.Project); err != nil {
		return err
	}
	u, err := hooks.ParseURL(c.URL)
	if err != nil {
		return fmt.Errorf("--url: %w", err)
	}
	if hooks.Exposed(u) {
		fmt.Fprintln(env.stderr, "warning: --url is not https: whoever is on the way can read what is sent there")
	}
	st, err := c.openOrMake(env.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	h := &hooks.Hook{Project: c.Project, URL: c.URL, Events: c.Event, CreatedAt: st.now().Unix()}
	hooks.NewHook(h)
	if err := st.meta.CreateHook(env.ctx, h); err != nil {
		return err
	}
	fmt.Fprintf(env.stderr, "%s of project %s is told of %s. Its secret is shown only this once:\n", h.ID, h.Project, h.Events)
	_, err = fmt.Fprintln(env.stdout, h.Secret.Text())
	return err
}

type listHooksCmd struct {
	storeFlags
	Project string `placeholder:"NAME" help:"Only those of this project."`
	jsonFlag
}

// hookLine is a hook as it is listed.
type hookLine struct {
	ID        string       `json:"id"`
	Project   string       `json:"project"`
	URL       string       `json:"url"`
	Events    hooks.Types  `json:"events"`
	Status    hooks.Status `json:"status"`
	Pending   int64        `json:"pending"`  // events that it is yet to be told
	GivenUp   int64        `json:"given_up"` // events of the last 30 days
	CreatedAt int64        `json:"created_at"`
	FailedAt  int64        `json:"failed_at"` // the last time that a delivery did; 0 is never
	Failure   string       `json:"failure"`
}

func (c *listHooksCmd) Run(env *environment) error {
	st, err := c.openForReading(env.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	list, err := st.meta.Hooks(env.ctx, c.Project)
	if err != nil {
		return err
	}
	return table(env.stdout, c.JSON, list, "ID\tPROJECT\tEVENTS\tSTATUS\tPENDING\tGIVEN UP\tCREATED\tURL\tLAST FAILURE",
		func(l *hooks.Listed) any {
			return hookLine{l.ID, l.Project, l.URL, l.Events, l.Status, l.Pending, l.GivenUp, l.CreatedAt, l.FailedAt, l.Failure}
		},
		func(l *hooks.Listed) string {
			failure := "-"
			if l.FailedAt != 0 {
				failure = date(l.FailedAt) + ": " + l.Failure
			}
			return strings.Join([]string{l.ID, l.Project, l.Events.String(), string(l.Status), strconv.FormatInt(l.Pending, 10),
				strconv.FormatInt(l.GivenUp, 10), date(l.CreatedAt), l.URL, failure}, "\t")
		})
}

// hookArg names a hook that there is.
type hookArg struct {
	ID string `arg:"" help:"The id of the hook, as the list shows it."`
}

// explain says what to do where there is no such hook.
func (a hookArg) explain(err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if strings.HasPrefix(a.ID, "hook_") {
		return fmt.Errorf("there is no hook '%.40s': see uploadd hooks list", a.ID)
	}
	return errors.New("that is not the id of a hook: see uploadd hooks list") // it may be a secret
}

type testHookCmd struct {
	storeFlags
	hookArg
}

func (c *testHookCmd) Run(env *environment) error {
	st, err := c.openForReading(env.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	h, err := st.meta.Hook(env.ctx, c.ID)
	if err != nil {
		return c.explain(err)
	}
	now, began := st.now(), time.Now()
	e := &hooks.Event{Hook: h.ID, Type: hooks.Test, Object: fmt.Sprint(h.ID, " ", began.UnixNano()), At: now.Unix()}
	a := hooks.Send(env.ctx, hookClient(), h, e, now, began)
	if a.Err != nil {
		return fmt.Errorf("%s did not arrive: %w", e.ID(), a.Err)
	}
	_, err = fmt.Fprintf(env.stdout, "%s arrived: %d %s after %s\n", e.ID(), a.Status, http.StatusText(a.Status), time.Since(began).Round(time.Millisecond))
	return err
}

type rotateHookCmd struct {
	storeFlags
	hookArg
	Keep life `default:"24h" placeholder:"DURATION" help:"How long the secret before signs as well, such as 7d or 12h (24h)."`
}

func (c *rotateHookCmd) Run(env *environment) error {
	st, err := c.openForChange(env.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	now, secret := st.now(), hooks.NewSecret()
	until := now.Add(time.Duration(c.Keep))
	if err := st.meta.RotateHook(env.ctx, c.ID, secret, now.Unix(), until.Unix()); err != nil {
		return c.explain(err)
	}
	fmt.Fprintf(env.stderr, "until %s UTC the secret of %s before this one signs as well. This one is shown only this once:\n", date(until.Unix()), c.ID)
	_, err = fmt.Fprintln(env.stdout, secret.Text())
	return err
}

type removeHookCmd struct {
	storeFlags
	hookArg
}

func (c *removeHookCmd) Run(env *environment) error {
	st, err := c.openForChange(env.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	if err := st.meta.RemoveHook(env.ctx, c.ID, st.now().Unix()); err != nil {
		return c.explain(err)
	}
	_, err = fmt.Fprintf(env.stdout, "%s is removed\n", c.ID)
	return err
}
