package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/alecthomas/kong"
	"github.com/dustin/go-humanize"
)

// cli is every command with its flags; each flag has an environment variable.
type cli struct {
	Serve    serveCmd    `cmd:"" help:"Run the server."`
	Doctor   doctorCmd   `cmd:"" help:"Try what a server with the same flags needs (the disk, the database, the bucket, the clock, the port), and print what to do where it is missing. Exits 1 if something is. Safe beside a running server."`
	Check    checkCmd    `cmd:"" help:"Check that every File is whole and nothing is left over. Exits 1 and lists what is wrong if not. Safe beside a running server."`
	Gc       gcCmd       `cmd:"" help:"Show the bytes that wait to be removed, and with --now remove those that are due. Safe beside a running server."`
	Backup   backupCmd   `cmd:"" help:"Copy everything into another directory, which a server can be run on. Safe beside a running server."`
	Migrate  migrateCmd  `cmd:"" help:"Move everything to other stores, beside a running server: from a directory to PostgreSQL and S3, for example, or back. Exits 1 if a server cannot be started there yet."`
	Keys     keysCmd     `cmd:"" help:"Make, list and revoke the keys that let callers in."`
	Projects projectsCmd `cmd:"" help:"Show what projects hold, and set what they may."`
	Hooks    hooksCmd    `cmd:"" help:"Make, list and remove the hooks that are told what happens to Uploads and Files."`
	Audit    auditCmd    `cmd:"" help:"List who made and ended keys and hooks, changed limits, and deleted Files."`
	Ready    readyCmd    `cmd:"" help:"Ask a server whether it can serve. Exits 1 if not."`
	Config   configCmd   `cmd:"" help:"Show the settings that serve would run with, and where each comes from. Exits 1 if it would refuse them."`
	Conform  conformCmd  `cmd:"" help:"Hold any server against what OpenAI's Uploads and Files APIs promise, and print what holds and what differs. Exits 1 on differences that matter."`
	Version  versionCmd  `cmd:"" help:"Print the version."`

	configFlag
}

const description = `Your own OpenAI Uploads and Files API, in one program.

  uploadd serve                          listen on 127.0.0.1:8080, keep data in ./uploadd-data
  export OPENAI_BASE_URL=http://127.0.0.1:8080/v1
  export OPENAI_API_KEY=anything         any official OpenAI SDK now works against it

Sizes are written like 64MiB or 8GB, durations like 90s or 1h.`

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // what was asked for could not be done, or a check found faults
	exitUsage  = 2
)

// environment is what a command acts upon besides its flags.
type environment struct {
	ctx    context.Context
	stdout io.Writer
	stderr io.Writer
}

// errFaults says that a check ran and found something; it has been printed.
var errFaults = errors.New("faults were found")

// newParser is for the command line; exit is called when there is nothing to run.
func newParser(stdout, stderr io.Writer, exit func(int)) (*kong.Kong, error) {
	return kong.New(&cli{},
		kong.Name("uploadd"),
		kong.Description(description),
		kong.Writers(stdout, stderr),
		kong.Exit(exit),
		kong.DefaultEnvars("UPLOADD"),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.TypeMapper(typeOfSize, kong.MapperFunc(decodeSize)),
	)
}

// run is the whole program. It returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	code := -1
	parser, err := newParser(stdout, stderr, func(c int) { code = c })
	if err != nil {
		fmt.Fprintln(stderr, "uploadd:", err)
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
		fmt.Fprintf(stderr, "uploadd: %s\nSee: uploadd --help\n", err)
		return exitUsage
	}
	err = command.Run(&environment{ctx, stdout, stderr})
	switch {
	case err == nil:
		return exitOK
	case !errors.Is(err, errFaults):
		fmt.Fprintln(stderr, "uploadd:", err)
	}
	return exitFailed
}

// size is a number of bytes, on the command line with a unit.
type size int64

func (s size) String() string { return humanize.IBytes(uint64(s)) }

type versionCmd struct{}

func (versionCmd) Run(env *environment) error {
	version, revision := built()
	if revision != "" {
		version += " " + revision
	}
	_, err := fmt.Fprintln(env.stdout, "uploadd", version)
	return err
}

// built says what the program was built from. revision is "" where that is not known.
func built() (version, revision string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)", ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			revision = s.Value
		}
	}
	return info.Main.Version, revision
}
