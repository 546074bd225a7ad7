package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/postrider/postrider/bench/receiver"
	"github.com/postrider/postrider/bench/sender"
)

// The parts of this program that run as processes of their own, so that they do
// not disturb the clock of the quiet load: whoever makes the noise, and whoever
// receives it.
const (
	noisePart = "noise"
	sinkPart  = "sink"
)

// parts are started with their name as the only argument.
func parts() map[string]func(context.Context, io.Reader, io.Writer) error {
	return map[string]func(context.Context, io.Reader, io.Writer) error{
		noisePart: makeNoise,
		sinkPart:  serveSink,
		siegePart: besiege,
	}
}

// makeNoise reads a sender.Config, sends what it says and writes the
// sender.Result, both as JSON.
func makeNoise(ctx context.Context, in io.Reader, out io.Writer) error {
	var c sender.Config
	if err := json.NewDecoder(in).Decode(&c); err != nil {
		return fmt.Errorf("read load: %w", err)
	}
	result, err := sender.Do(ctx, c)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(out).Encode(result); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}

// serveSink receives what is signed with the key on the first line of its input,
// says where on the first line of its output, and ends with its input.
func serveSink(ctx context.Context, in io.Reader, out io.Writer) (err error) {
	lines := bufio.NewReader(in)
	secret, err := lines.ReadString('\n')
	if err != nil {
		return fmt.Errorf("read secret: %w", err)
	}
	served, err := receiver.Start(ctx, receiver.Options{Secrets: []string{strings.TrimSpace(secret)}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, served.Close()) }()
	if _, err := fmt.Fprintln(out, served.URL); err != nil {
		return fmt.Errorf("write address: %w", err)
	}
	_, err = io.Copy(io.Discard, lines) // until whoever started it closes it, or ends
	return err
}

// part makes a process of this program. It ends with ctx.
func part(ctx context.Context, name string, priority ...string) (*exec.Cmd, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find own program: %w", err)
	}
	args := slices.Concat(priority, []string{program, name})
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stderr = os.Stderr
	return cmd, nil
}

// job is what a process of this program does with a plan.
type job struct {
	cmd *exec.Cmd
	out bytes.Buffer
}

// startJob starts one.
func startJob(ctx context.Context, name string, plan any, priority ...string) (*job, error) {
	cmd, err := part(ctx, name, priority...)
	if err != nil {
		return nil, err
	}
	in, err := json.Marshal(plan)
	if err != nil {
		return nil, fmt.Errorf("encode plan of %s: %w", name, err)
	}
	j := &job{cmd: cmd}
	cmd.Stdin, cmd.Stdout = bytes.NewReader(in), &j.out
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return j, nil
}

// wait reads what came of it.
func (j *job) wait(result any) error {
	if err := j.cmd.Wait(); err != nil {
		return fmt.Errorf("run: %w", err)
	}
	if err := json.Unmarshal(j.out.Bytes(), result); err != nil {
		return fmt.Errorf("read result: %w", err)
	}
	return nil
}

// lower is the priority of noise: where who makes it runs, in reality, it takes nothing
// from the system under test.
func lower() []string { return []string{"nice", "-n", "10"} }

// noise is a load that is being sent.
type noise struct{ *job }

func startNoise(ctx context.Context, c sender.Config, priority ...string) (noise, error) {
	j, err := startJob(ctx, noisePart, c, priority...)
	return noise{j}, err
}

// wait returns what came of it.
func (n noise) wait() (result sender.Result, err error) {
	if err := n.job.wait(&result); err != nil {
		return result, fmt.Errorf("make noise: %w", err)
	}
	return result, nil
}

// whole says what of a noise was not accepted, as then there was less than there
// should have been.
func whole(made sender.Result) error {
	if made.Failed > 0 || made.Unsent > 0 {
		return fmt.Errorf("make noise: %d events failed and %d were not sent (%v)", made.Failed, made.Unsent, made.Errors)
	}
	return nil
}
