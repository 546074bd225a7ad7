package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/pprof/profile"
	"golang.org/x/sync/errgroup"
)

// mostProfile is how large a profile may be, in bytes. An hour of a busy stage has a
// few megabytes.
const mostProfile = 256 << 20

// profiles are CPU profiles that are being taken: one of each process of a stage for
// each load, which say where its CPU goes (go tool pprof).
type profiles struct {
	group *errgroup.Group

	mu    sync.Mutex
	taken map[string]*profile.Profile // by name of the process
}

// takeProfiles begins to take them, for as long as the load is sent. Without a
// folder there are none.
func takeProfiles(ctx context.Context, folder, load string, stages map[string]string, span time.Duration) *profiles {
	group, ctx := errgroup.WithContext(ctx)
	p := &profiles{group: group, taken: map[string]*profile.Profile{}}
	if folder != "" && load != "" {
		for name, admin := range stages {
			group.Go(func() error {
				if err := p.take(ctx, name, admin, filepath.Join(folder, load+"-"+name+".pprof"), span); err != nil {
					return fmt.Errorf("profile %s: %w", name, err)
				}
				return nil
			})
		}
	}
	return p
}

// wait returns them when all are written.
func (p *profiles) wait() (map[string]*profile.Profile, error) {
	err := p.group.Wait()
	return p.taken, err
}

func (p *profiles) take(ctx context.Context, name, admin, file string, span time.Duration) error {
	text, err := fetchProfile(ctx, admin, span)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, text, 0o644); err != nil { //nolint:gosec // where we were told, to be read by all
		return fmt.Errorf("write profile: %w", err)
	}
	read, err := profile.ParseData(text)
	if err != nil {
		return fmt.Errorf("read profile: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken[name] = read
	return nil
}

func fetchProfile(ctx context.Context, admin string, span time.Duration) ([]byte, error) {
	address := fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", admin, max(1, int(span.Seconds())))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("answered %s", response.Status)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, mostProfile))
	if err != nil {
		return nil, fmt.Errorf("fetch profile: %w", err)
	}
	return text, nil
}
