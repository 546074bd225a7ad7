package main

import (
	"slices"
	"time"

	svix "github.com/svix/svix-webhooks/go"
	"github.com/svix/svix-webhooks/go/models"
)

// scene is an application whose endpoint "good" answers 200 and "bad" 503, and
// what was posted to it.
type scene struct {
	app, good, bad string
	kinds          [2]string
	messages       []string
	began, between time.Time
}

// deliveries posts messages and looks at what becomes of them.
func deliveries(w *world) {
	s := &scene{app: w.application("deliveries"), kinds: [2]string{w.uid("d.a"), w.uid("d.b")}}
	w.step("deliveries: some arrive, some do not", func() {
		s.began = time.Now().Add(-time.Minute)
		w.answers("bad", 503)
		s.good = got(w.Endpoint.Create(w.ctx, s.app, models.EndpointIn{Url: w.hook("good"), Uid: new("good")}, nil)).Id
		s.bad = got(w.Endpoint.Create(w.ctx, s.app, models.EndpointIn{Url: w.hook("bad"), Uid: new("bad")}, nil)).Id
		s.messages = append(s.messages, w.post(s.app, s.kinds[0], []string{"eu"}), w.post(s.app, s.kinds[1], []string{"us"}))
		w.arrived("good", 2)
		w.arrived("bad", 4) // one retry each
		s.between = nextSecond()
		s.messages = append(s.messages, w.post(s.app, s.kinds[0], nil))
		w.arrived("good", 3)
		w.arrived("bad", 6)
		until("all attempts are recorded", func() bool {
			return len(w.attemptsAt(s.app, s.good)) == 3 && len(w.attemptsAt(s.app, s.bad)) == 6
		})
	})
	attemptsByEndpoint(w, s)
	attemptsByMessage(w, s)
	attempted(w, s)
	replays(w, s)
	w.step("attempt: expunge its content", func() {
		a := w.attemptsAt(s.app, s.good)[0]
		must(w.MessageAttempt.ExpungeContent(w.ctx, s.app, a.MsgId, a.Id))
		same("EXPUNGED", got(w.attempt(s.app, a.MsgId, a.Id)).Response, "response")
		must(w.Message.ExpungeContent(w.ctx, s.app, a.MsgId))
		refused(400, w.resend(s.app, a.MsgId, s.good))
		must(w.Application.Delete(w.ctx, s.app))
	})
}

func (w *world) attemptsAt(app, endpoint string) []models.MessageAttemptOut {
	return got(w.MessageAttempt.ListByEndpoint(w.ctx, app, endpoint, nil)).Data
}

func attemptPage(l *models.ListResponseMessageAttemptOut) page {
	return page{ids(l.Data, func(a *models.MessageAttemptOut) string { return a.Id }), l.Iterator, l.PrevIterator, l.Done}
}

func attemptsByEndpoint(w *world, s *scene) {
	w.step("attempts by endpoint: every filter, forward and back", func() {
		type filter = svix.MessageAttemptListByEndpointOptions
		class := func(c models.StatusCodeClass) *models.StatusCodeClass { return &c }
		status := func(s models.MessageStatus) *models.MessageStatus { return &s }
		for name, test := range map[string]struct {
			endpoint string
			filter   filter
			want     int
		}{
			"all good":          {s.good, filter{}, 3},
			"all bad":           {s.bad, filter{}, 6},
			"success":           {s.good, filter{Status: status(models.MESSAGESTATUS_SUCCESS)}, 3},
			"no success":        {s.bad, filter{Status: status(models.MESSAGESTATUS_SUCCESS)}, 0},
			"fail":              {s.bad, filter{Status: status(models.MESSAGESTATUS_FAIL)}, 6},
			"no fail":           {s.good, filter{Status: status(models.MESSAGESTATUS_FAIL)}, 0},
			"2xx":               {s.good, filter{StatusCodeClass: class(models.STATUSCODECLASS_CODE2XX)}, 3},
			"5xx":               {s.bad, filter{StatusCodeClass: class(models.STATUSCODECLASS_CODE5XX)}, 6},
			"no 4xx":            {s.bad, filter{StatusCodeClass: class(models.STATUSCODECLASS_CODE4XX)}, 0},
			"no answer":         {s.bad, filter{StatusCodeClass: class(models.STATUSCODECLASS_CODE_NONE)}, 0},
			"channel":           {s.bad, filter{Channel: new("eu")}, 2},
			"type":              {s.bad, filter{EventTypes: &[]string{s.kinds[0]}}, 4},
			"types":             {s.good, filter{EventTypes: &[]string{s.kinds[0], s.kinds[1]}}, 3},
			"before":            {s.bad, filter{Before: &s.between}, 4},
			"after":             {s.bad, filter{After: &s.between}, 2},
			"before good":       {s.good, filter{Before: &s.between}, 2},
			"type and channel":  {s.good, filter{EventTypes: &[]string{s.kinds[1]}, Channel: new("us")}, 1},
			"type, not channel": {s.good, filter{EventTypes: &[]string{s.kinds[1]}, Channel: new("eu")}, 0},
		} {
			if (test.filter.Before != nil || test.filter.After != nil) && !sendsTimes {
				continue
			}
			all := ids(w.attemptsAt(s.app, test.endpoint), func(a *models.MessageAttemptOut) string { return a.Id })
			sameList(reversed(sorted(all)), all, "newest first")
			list := func(limit *uint64, iterator *string) page {
				test.filter.Limit, test.filter.Iterator = limit, iterator
				return attemptPage(got(w.MessageAttempt.ListByEndpoint(w.ctx, s.app, test.endpoint, &test.filter)))
			}
			if test.filter.After != nil { // such a list begins at its end
				same(test.want, len(list(new(uint64(50)), nil).ids), name)
				continue
			}
			have := walk(all, list)
			check(len(have) == test.want, "%s: want %d attempts, got %d", name, test.want, len(have))
		}
	})
	w.step("attempts by endpoint: what they say", func() {
		for _, a := range w.attemptsAt(s.app, s.bad) {
			same(503, a.ResponseStatusCode, "status code")
			same(`{"answer":503}`, a.Response, "response")
			same(models.MESSAGESTATUS_FAIL, a.Status, "status")
			same(s.bad, a.EndpointId, "endpoint")
			same(w.hook("bad"), a.Url, "URL")
			same(models.MESSAGEATTEMPTTRIGGERTYPE_SCHEDULED, a.TriggerType, "trigger")
		}
		l := got(w.MessageAttempt.ListByEndpoint(w.ctx, s.app, s.good, &svix.MessageAttemptListByEndpointOptions{WithContent: new(false)}))
		same("{}", l.Data[0].Response, "response that was not asked for")
	})
}

func attemptsByMessage(w *world, s *scene) {
	w.step("attempts by message: every filter, forward and back", func() {
		type filter = svix.MessageAttemptListByMsgOptions
		all := ids(got(w.MessageAttempt.ListByMsg(w.ctx, s.app, s.messages[0], nil)).Data, func(a *models.MessageAttemptOut) string { return a.Id })
		for name, test := range map[string]struct {
			filter filter
			want   int
		}{
			"all":      {filter{}, 3},
			"endpoint": {filter{EndpointId: new("bad")}, 2},
			"success":  {filter{Status: new(models.MESSAGESTATUS_SUCCESS)}, 1},
			"fail":     {filter{Status: new(models.MESSAGESTATUS_FAIL)}, 2},
			"5xx":      {filter{StatusCodeClass: new(models.STATUSCODECLASS_CODE5XX)}, 2},
			"channel":  {filter{Channel: new("us")}, 0},
			"type":     {filter{EventTypes: &[]string{s.kinds[0]}}, 3},
			"before":   {filter{Before: &s.began}, 0},
		} {
			if test.filter.Before != nil && !sendsTimes {
				continue
			}
			have := walk(all, func(limit *uint64, iterator *string) page {
				test.filter.Limit, test.filter.Iterator = limit, iterator
				return attemptPage(got(w.MessageAttempt.ListByMsg(w.ctx, s.app, s.messages[0], &test.filter)))
			})
			check(len(have) == test.want, "%s: want %d attempts, got %d", name, test.want, len(have))
		}
		a := got(w.attempt(s.app, s.messages[0], all[0]))
		same(all[0], a.Id, "id")
		same(s.messages[0], a.MsgId, "message")
	})
}

// attempted looks at deliveries, each of which is shown by its newest attempt.
func attempted(w *world, s *scene) {
	w.step("messages attempted at an endpoint, forward and back", func() {
		type filter = svix.MessageAttemptListAttemptedMessagesOptions
		for name, test := range map[string]struct {
			filter filter
			want   []int
		}{
			"all":     {filter{}, []int{2, 1, 0}},
			"fail":    {filter{Status: new(models.MESSAGESTATUS_FAIL)}, []int{2, 1, 0}},
			"success": {filter{Status: new(models.MESSAGESTATUS_SUCCESS)}, nil},
			"channel": {filter{Channel: new("us")}, []int{1}},
			"type":    {filter{EventTypes: &[]string{s.kinds[0]}}, []int{2, 0}},
			"before":  {filter{Before: &s.between}, []int{1, 0}},
		} {
			if test.filter.Before != nil && !sendsTimes {
				continue
			}
			have := walk(s.messages, func(limit *uint64, iterator *string) page {
				test.filter.Limit, test.filter.Iterator = limit, iterator
				l := got(w.MessageAttempt.ListAttemptedMessages(w.ctx, s.app, s.bad, &test.filter))
				return page{ids(l.Data, func(m *models.EndpointMessageOut) string { return m.Id }), l.Iterator, l.PrevIterator, l.Done}
			})
			sameList(pick(s.messages, test.want), have, name)
		}
	})
	w.step("endpoints where a message was attempted", func() {
		l := got(w.MessageAttempt.ListAttemptedDestinations(w.ctx, s.app, s.messages[0], nil))
		status := make(map[string]models.MessageStatus)
		for _, e := range l.Data {
			status[e.Id] = e.Status
		}
		same(2, len(status), "endpoints")
		same(models.MESSAGESTATUS_SUCCESS, status[s.good], "status at the good one")
		same(models.MESSAGESTATUS_FAIL, status[s.bad], "status at the bad one")
	})
	w.step("statistics of an endpoint", func() {
		n := got(w.Endpoint.GetStats(w.ctx, s.app, s.bad, nil))
		same(3, n.Fail, "failed")
		same(0, n.Success, "succeeded")
		same(3, got(w.Endpoint.GetStats(w.ctx, s.app, s.good, nil)).Success, "succeeded")
		if !sendsTimes {
			return
		}
		same(3, got(w.Endpoint.GetStats(w.ctx, s.app, s.bad, &svix.EndpointGetStatsOptions{Since: &s.began})).Fail, "failed since")
		_, err := w.Endpoint.GetStats(w.ctx, s.app, s.bad, &svix.EndpointGetStatsOptions{Since: new(time.Now().AddDate(0, -3, 0))})
		refused(400, err)
	})
}

// replays sends again, once the bad endpoint has recovered.
func replays(w *world, s *scene) {
	w.step("resend one message", func() {
		must(w.resend(s.app, s.messages[0], s.good))
		d := w.arrived("good", 4)[3]
		same(s.messages[0], d.header().Get("webhook-id"), "webhook-id")
		until("the attempt is recorded", func() bool { return len(w.attemptsAt(s.app, s.good)) == 4 })
		same(models.MESSAGEATTEMPTTRIGGERTYPE_MANUAL, w.attemptsAt(s.app, s.good)[0].TriggerType, "trigger")
	})
	w.step("recover an endpoint, and follow the task to its end", func() {
		w.answers("bad", 200)
		task := got(w.Endpoint.Recover(w.ctx, s.app, s.bad, models.RecoverIn{Since: s.began}, nil))
		same(models.BACKGROUNDTASKTYPE_ENDPOINT_RECOVER, task.Task, "task")
		w.finished(task.Id, 3, 3)
		sameList(sorted(s.messages), arrivedIDs(w.arrived("bad", 9)[6:]), "recovered")
		until("all have succeeded", func() bool { return got(w.Endpoint.GetStats(w.ctx, s.app, s.bad, nil)).Success == 3 })
		_, err := w.Endpoint.Recover(w.ctx, s.app, s.bad, models.RecoverIn{Since: time.Now().AddDate(0, 0, -15)}, nil)
		refused(422, err)
	})
	w.step("replay what an endpoint missed, and nothing twice", func() {
		late := got(w.Endpoint.Create(w.ctx, s.app, models.EndpointIn{Url: w.hook("late")}, nil)).Id
		for _, missed := range []float64{3, 0} {
			task := got(w.Endpoint.ReplayMissing(w.ctx, s.app, late, models.ReplayIn{Since: s.began}, nil))
			same(models.BACKGROUNDTASKTYPE_ENDPOINT_REPLAY, task.Task, "task")
			w.finished(task.Id, 3, missed)
			sameList(sorted(s.messages), arrivedIDs(w.arrived("late", 3)), "what was missed")
			until("the attempts are recorded", func() bool { return len(w.attemptsAt(s.app, late)) == 3 })
		}
	})
}

func arrivedIDs(all []delivery) []string {
	var some []string
	for _, d := range all {
		some = append(some, d.header().Get("webhook-id"))
	}
	slices.Sort(some)
	return some
}
