package ingest

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/shared/service"
	"github.com/postrider/postrider/shared/store"
)

// statementTimeout is the most that the database may work on one thing that the
// API asks of it. It is below the time that a request may take, so that the
// answer can say what was wrong.
const statementTimeout = 8 * time.Second

// stores are those that this stage has beside the one of every stage.
type stores struct {
	api     *store.Store // whoever asks for much keeps only others who ask waiting
	commits *store.Store // of events, one for each writer and one to ask how it is
}

func (s *Stage) openStores(ctx context.Context, env service.Env) (*stores, error) {
	api, err := s.openStore(ctx, env)
	if err != nil {
		return nil, err
	}
	commits, err := env.Store.Routine(ctx, writers+1)
	if err != nil {
		api.Close()
		return nil, err
	}
	env.Reg.MustRegister(service.NewPool("api", api), service.NewPool("commits", commits))
	return &stores{api: api, commits: commits}, nil
}

func (s *stores) close() {
	s.api.Close()
	s.commits.Close()
}

// openStore opens the store of the API: a pool of its own, as a role of its own if
// there is one. That it is not let in is known before the first request.
func (s *Stage) openStore(ctx context.Context, env service.Env) (*store.Store, error) {
	if s.APIRole.IsZero() {
		return env.Store.Bounded(ctx, statementTimeout)
	}
	fenced, err := env.Store.Fenced(ctx, s.APIRole.Reveal(), statementTimeout)
	if err != nil {
		return nil, fmt.Errorf("api-database-url: %w", err)
	}
	if err := fenced.Health(ctx); store.Refused(err) {
		fenced.Close()
		return nil, fmt.Errorf("api-database-url: %w (set POSTRIDER_API_DATABASE_URL)", err)
	}
	return fenced, nil
}
