package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"
)

// terminal is the terminal that v is; nil when it is none.
func terminal(v any) *os.File {
	if out, ok := v.(*output); ok {
		v = out.w
	}
	if f, ok := v.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return f
	}
	return nil
}

// canAsk says whether there is somebody to answer.
func canAsk(env *environment) bool {
	return terminal(env.stdin) != nil && terminal(env.stderr) != nil
}

// ask puts a question, to which only a yes is a yes.
func ask(env *environment, question string) (bool, error) {
	fmt.Fprintf(env.stderr, "%s [y/N] ", question)
	answer := make(chan string, 1)
	go func() { // a Read of a terminal does not end with the context
		line, _ := bufio.NewReader(env.stdin).ReadString('\n') // without an end it is no answer
		answer <- line
	}()
	select {
	case line := <-answer:
		if !strings.HasSuffix(line, "\n") {
			fmt.Fprintln(env.stderr)
		}
		switch strings.ToLower(strings.TrimSpace(line)) {
		case "y", "yes":
			return strings.HasSuffix(line, "\n"), nil
		}
		return false, nil
	case <-env.ctx.Done():
		fmt.Fprintln(env.stderr)
		return false, env.ctx.Err()
	}
}
