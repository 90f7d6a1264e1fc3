package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

func (completionCmd) Help() string {
	return "Add the line for your shell to the file that it reads when it starts:\n\n" +
		"  source <(upload completion bash)         # ~/.bashrc\n" +
		"  source <(upload completion zsh)          # ~/.zshrc, behind compinit\n" +
		"  upload completion fish | source          # ~/.config/fish/config.fish"
}

func (c *completionCmd) Run(env *environment, app *kong.Kong) error {
	write := map[string]func(io.Writer, *kong.Kong){"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}[c.Shell]
	var script strings.Builder
	write(&script, app)
	_, err := io.WriteString(env.stdout, script.String())
	return err
}

func bashCompletion(w io.Writer, app *kong.Kong) {
	fmt.Fprintf(w, `# bash completion of upload
_upload() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command=send flags= words=
	# bash takes --flag=value for three words.
	if [[ $cur == = ]]; then
		cur=
	elif [[ $prev == = ]]; then
		prev=${COMP_WORDS[COMP_CWORD-2]}
	fi
	COMPREPLY=()
	if (( COMP_CWORD > 1 )); then
		case ${COMP_WORDS[1]} in
		%s) command=${COMP_WORDS[1]} ;;
		esac
	else
		words='%s'
	fi
	case $command in
`, strings.Join(commandNames(app), "|"), strings.Join(commandNames(app), " "))
	for _, c := range visible(app) {
		var all []string
		fmt.Fprintf(w, "\t%s)\n\t\tcase $prev in\n", c.Name)
		for _, f := range flagsOf(c) {
			all = append(all, names(f)...)
			switch {
			case f.IsBool():
			case takesFile(f.Value):
				fmt.Fprintf(w, "\t\t%s) compopt -o default 2>/dev/null; return ;;\n", strings.Join(names(f), "|"))
			default:
				fmt.Fprintf(w, "\t\t%s) COMPREPLY=($(compgen -W '%s' -- \"$cur\")); return ;;\n",
					strings.Join(names(f), "|"), strings.Join(choices(f.Value), " "))
			}
		}
		fmt.Fprintf(w, "\t\tesac\n\t\tflags='%s'\n", strings.Join(all, " "))
		for _, p := range c.Positional {
			if takesFile(p) {
				fmt.Fprint(w, "\t\t[[ $cur == -* ]] || compopt -o default 2>/dev/null\n")
			} else if known := choices(p); known != nil {
				fmt.Fprintf(w, "\t\twords='%s'\n", strings.Join(known, " "))
			}
		}
		fmt.Fprint(w, "\t\t;;\n")
	}
	fmt.Fprint(w, `	esac
	[[ $cur == -* ]] && words=$flags
	COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _upload upload
`)
}

func commandNames(app *kong.Kong) (all []string) {
	for _, c := range visible(app) {
		all = append(all, c.Name)
	}
	return all
}

func zshCompletion(w io.Writer, app *kong.Kong) {
	fmt.Fprintf(w, `#compdef upload
# zsh completion of upload
_upload() {
	local command=send
	if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then
		local -a commands=(
`)
	for _, c := range visible(app) {
		fmt.Fprintf(w, "\t\t\t%s\n", zshQuote(c.Name+":"+c.Help))
	}
	fmt.Fprintf(w, `		)
		_describe -t commands command commands
		_files
		return
	fi
	case $words[2] in
	%s) command=$words[2]; shift words; (( CURRENT-- )) ;;
	esac
	case $command in
`, strings.Join(commandNames(app), "|"))
	for _, c := range visible(app) {
		fmt.Fprintf(w, "\t%s)\n\t\t_arguments -s -S", c.Name)
		for _, f := range flagsOf(c) {
			fmt.Fprintf(w, " \\\n\t\t\t%s", zshFlag(f))
		}
		for _, p := range c.Positional {
			fmt.Fprintf(w, " \\\n\t\t\t%s", zshQuote(strings.Repeat("*", zshMany(p))+":"+p.Name+":"+zshValues(p)))
		}
		fmt.Fprint(w, "\n\t\t;;\n")
	}
	fmt.Fprint(w, `	esac
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
	_upload "$@"
else
	compdef _upload upload
fi
`)
}

// zshMany is 1 for an argument that may be repeated.
func zshMany(p *kong.Positional) int {
	if p.IsCumulative() {
		return 1
	}
	return 0
}

func zshFlag(f *kong.Flag) string {
	help := strings.NewReplacer("[", "(", "]", ")", ":", "\\:").Replace(f.Help)
	value, equals := "", ""
	if !f.IsBool() {
		value, equals = ":"+strings.ToLower(f.FormatPlaceHolder())+":"+zshValues(f.Value), "="
	}
	all := names(f)
	if len(all) == 1 {
		return zshQuote(all[0] + equals + "[" + help + "]" + value)
	}
	short := strings.Replace(equals, "=", "+", 1)
	return fmt.Sprintf("'(%s)'{%s%s,%s%s}%s", strings.Join(all, " "), all[0], short, all[1], equals, zshQuote("["+help+"]"+value))
}

func zshValues(v *kong.Value) string {
	switch known := choices(v); {
	case takesFile(v):
		return "_files"
	case known != nil:
		return "(" + strings.Join(known, " ") + ")"
	}
	return "{ }"
}

func zshQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func fishCompletion(w io.Writer, app *kong.Kong) {
	fmt.Fprintln(w, "# fish completion of upload")
	rest := others(app)
	line := func(condition string, args ...string) {
		fmt.Fprintf(w, "complete -c upload -n '%s' %s\n", condition, strings.Join(args, " "))
	}
	for _, c := range visible(app) {
		line("__fish_use_subcommand", "-a", c.Name, "-d", fishQuote(c.Help))
	}
	for _, c := range visible(app) {
		condition := "__fish_seen_subcommand_from " + c.Name
		if c == app.Model.DefaultCmd {
			condition = "not __fish_seen_subcommand_from " + strings.Join(rest, " ")
		}
		if !slices.ContainsFunc(c.Positional, takesFile) {
			line(condition, "-f")
		}
		for _, p := range c.Positional {
			if known := choices(p); known != nil {
				line(condition, "-a", fishQuote(strings.Join(known, " ")))
			}
		}
		for _, f := range flagsOf(c) {
			args := []string{"-l", f.Name, "-d", fishQuote(f.Help)}
			if f.Short != 0 {
				args = append(args, "-s", string(f.Short))
			}
			switch {
			case f.IsBool():
			case takesFile(f.Value):
				args = append(args, "-r", "-F")
			default:
				args = append(args, "-x", "-a", fishQuote(strings.Join(choices(f.Value), " ")))
			}
			line(condition, args...)
		}
	}
}

func fishQuote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}
