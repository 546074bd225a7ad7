package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
)

// profiles are CPU profiles that are being taken: one of each stage for each load,
// which say where the CPU of a stage goes (go tool pprof).
type profiles struct{ group *errgroup.Group }

// takeProfiles begins to take them, for as long as the load is sent. Without a
// folder there are none.
func takeProfiles(ctx context.Context, folder, load string, stages map[string]string, span time.Duration) profiles {
	group, ctx := errgroup.WithContext(ctx)
	if folder != "" && load != "" {
		for name, admin := range stages {
			group.Go(func() error {
				if err := takeProfile(ctx, admin, filepath.Join(folder, load+"-"+name+".pprof"), span); err != nil {
					return fmt.Errorf("profile %s: %w", name, err)
				}
				return nil
			})
		}
	}
	return profiles{group}
}

// wait returns when all are written.
func (p profiles) wait() error { return p.group.Wait() }

func takeProfile(ctx context.Context, admin, file string, span time.Duration) (err error) {
	address := fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", admin, max(1, int(span.Seconds())))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %s", response.Status)
	}
	out, err := os.Create(file) //nolint:gosec // where we were told
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if _, err := io.Copy(out, response.Body); err != nil {
		return fmt.Errorf("read profile: %w", err)
	}
	return nil
}
