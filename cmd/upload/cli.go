package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"
)

// cli is every command with its flags.
type cli struct {
	Send       sendCmd       `cmd:"" default:"withargs" help:"Send files. This is what happens without a command."`
	Ls         lsCmd         `cmd:"" help:"List the files on the server."`
	Get        getCmd        `cmd:"" help:"Fetch a file."`
	Rm         rmCmd         `cmd:"" help:"Delete files on the server."`
	Status     statusCmd     `cmd:"" help:"Show what is half sent."`
	Cancel     cancelCmd     `cmd:"" help:"Give up what is half sent."`
	Completion completionCmd `cmd:"" help:"Print the completion for a shell."`
	Man        manCmd        `cmd:"" help:"Print the manual page."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
}

const description = `Sends files to OpenAI, to Azure OpenAI, or to an uploadd of your own.

  export OPENAI_API_KEY=...              and OPENAI_BASE_URL for another server
  upload big.jsonl --purpose=batch       prints the id of the file
  upload --recursive papers/             one id a line, in the order of the names
  pg_dump db | upload - --filename=db.sql
  upload ls --purpose=batch
  upload get file-abc -o back.jsonl
  upload rm --older-than=30d --purpose=batch

"upload FILE..." is short for "upload send FILE...", whose help has the flags.
A large file goes in parts, several at once. If it is interrupted, the same
command sends only what is missing.

Sizes are written like 64MiB or 8GB, durations like 90s, 24h or 30d.

Exit codes: 0 done, 1 something failed and was named, 2 wrong usage,
130 interrupted.`

// Exit codes.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130 // as a shell has it for SIGINT
)

// errUsage says that what was asked for makes no sense, before anything was done.
var errUsage = errors.New("usage")

// usagef is an error of the kind of errUsage.
func usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

type usageError struct{ error }

func (usageError) Is(target error) bool { return target == errUsage }

// errReported ends a command whose failures have all been named already.
var errReported = errors.New("failures were named")

// environment is what the program acts upon besides its arguments.
type environment struct {
	ctx    context.Context
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	getenv func(string) string
}

// system is the environment of the process.
func system() *environment {
	return &environment{context.Background(), os.Stdin, os.Stdout, os.Stderr, os.Getenv}
}

// run is the whole program. It returns the exit code.
func run(args []string, env *environment) int {
	code := -1
	parser, err := newParser(&cli{}, env, func(c int) { code = c })
	if err != nil {
		fmt.Fprintln(env.stderr, "upload:", err)
		return exitFailed
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	if code >= 0 { // --help was printed
		return code
	}
	if err != nil {
		fmt.Fprintf(env.stderr, "upload: %s\nSee: upload --help\n", err)
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(env.ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The second interruption ends the program at once, as if it had no handler.
	context.AfterFunc(ctx, stop)
	out := &output{w: env.stdout}
	err = command.Run(&environment{ctx, env.stdin, out, env.stderr, env.getenv})
	if out.err != nil && err == nil {
		err = fmt.Errorf("standard output: %w", out.err)
	}
	return exitCode(env, ctx, err)
}

// output is standard output. It remembers that something did not get there, so
// that a command that prints as it goes need not ask each time.
type output struct {
	w   io.Writer
	err error
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	o.err = cmp.Or(o.err, err)
	return n, err
}

// exitCode names the error, unless that was done, and makes a code of it.
func exitCode(env *environment, ctx context.Context, err error) int {
	switch {
	case err == nil:
		return exitOK
	case ctx.Err() != nil:
		if !errors.Is(err, context.Canceled) && !errors.Is(err, errReported) {
			fmt.Fprintln(env.stderr, "upload:", message(err))
		}
		return exitInterrupted
	case errors.Is(err, errUsage):
		fmt.Fprintf(env.stderr, "upload: %s\nSee: upload --help\n", err)
		return exitUsage
	case !errors.Is(err, errReported):
		fmt.Fprintln(env.stderr, "upload:", message(err))
	}
	return exitFailed
}

func newParser(grammar *cli, env *environment, exit func(int)) (*kong.Kong, error) {
	return kong.New(grammar,
		kong.Name("upload"),
		kong.Description(description),
		kong.Writers(env.stdout, env.stderr),
		kong.Exit(exit),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.TypeMapper(typeOfSize, kong.MapperFunc(decodeSize)),
		kong.TypeMapper(typeOfSpan, kong.MapperFunc(decodeSpan)),
	)
}

type versionCmd struct{}

func (versionCmd) Run(env *environment) error {
	_, err := fmt.Fprintln(env.stdout, "upload", version())
	return err
}

// version is that of the module, and the revision it was built from where the
// build knows it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v += " " + s.Value
		}
	}
	return v
}
