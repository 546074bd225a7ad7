import assert from "node:assert/strict";
import { pick, refused, until, walk } from "./world.mjs";

const [success, fail] = [0, 2];

// deliveries posts messages to an endpoint "good", which answers 200, and one
// "bad", which answers 503, and looks at what becomes of them.
export async function deliveries(w) {
  const { endpoint, application, message, messageAttempt } = w.svix;
  const s = { app: await w.application("deliveries"), a: w.uid("d.a"), b: w.uid("d.b"), messages: [] };
  const at = async (id) => (await messageAttempt.listByEndpoint(s.app, id, { withContent: true })).data;
  await w.step("deliveries: some arrive, some do not", async () => {
    s.began = new Date(Date.now() - 60_000);
    await w.answers("bad", 503);
    s.good = (await endpoint.create(s.app, { url: w.hook("good"), uid: "good" })).id;
    s.bad = (await endpoint.create(s.app, { url: w.hook("bad"), uid: "bad" })).id;
    s.messages.push(await w.post(s.app, s.a, ["eu"]), await w.post(s.app, s.b, ["us"]));
    await w.arrived("good", 2);
    await w.arrived("bad", 4); // one retry each
    await new Promise((wake) => setTimeout(wake, 20));
    s.between = new Date();
    await new Promise((wake) => setTimeout(wake, 20));
    s.messages.push(await w.post(s.app, s.a));
    await w.arrived("good", 3);
    await w.arrived("bad", 6);
    await until("all attempts are recorded", async () => (await at(s.good)).length === 3 && (await at(s.bad)).length === 6);
  });
  await attempts(w, s, at);
  await attempted(w, s);
  await replays(w, s, at);
  await w.step("attempt: expunge its content", async () => {
    const [a] = await at(s.good);
    await messageAttempt.expungeContent(s.app, a.msgId, a.id);
    assert.equal((await messageAttempt.get(s.app, a.msgId, a.id)).response, "EXPUNGED");
    await message.expungeContent(s.app, a.msgId);
    await refused(400, () => messageAttempt.resend(s.app, a.msgId, s.good));
    await application.delete(s.app);
  });
}

async function attempts(w, s, at) {
  const { messageAttempt } = w.svix;
  await w.step("attempts by endpoint: every filter, forward and back", async () => {
    for (const [where, filter, want] of [
      [s.good, {}, 3],
      [s.bad, {}, 6],
      [s.good, { status: success }, 3],
      [s.bad, { status: success }, 0],
      [s.bad, { status: fail }, 6],
      [s.good, { status: fail }, 0],
      [s.good, { statusCodeClass: 200 }, 3],
      [s.bad, { statusCodeClass: 500 }, 6],
      [s.bad, { statusCodeClass: 400 }, 0],
      [s.bad, { statusCodeClass: 0 }, 0],
      [s.bad, { channel: "eu" }, 2],
      [s.bad, { eventTypes: [s.a] }, 4],
      [s.good, { eventTypes: [s.a, s.b] }, 3],
      [s.bad, { before: s.between }, 4],
      [s.good, { before: s.between }, 2],
      [s.good, { eventTypes: [s.b], channel: "us" }, 1],
      [s.good, { eventTypes: [s.b], channel: "eu" }, 0],
    ]) {
      const all = (await at(where)).map((a) => a.id);
      const have = await walk(all, (page) => messageAttempt.listByEndpoint(s.app, where, { ...page, ...filter }));
      assert.equal(have.length, want, JSON.stringify(filter));
    }
    assert.equal((await messageAttempt.listByEndpoint(s.app, s.bad, { after: s.between })).data.length, 2);
  });
  await w.step("attempts by endpoint: what they say", async () => {
    for (const a of await at(s.bad)) {
      assert.equal(a.responseStatusCode, 503);
      assert.equal(a.response, '{"answer":503}');
      assert.equal(a.status, fail);
      assert.equal(a.statusText, "fail");
      assert.equal(a.endpointId, s.bad);
      assert.equal(a.url, w.hook("bad"));
      assert.equal(a.triggerType, 0);
    }
    assert.equal((await messageAttempt.listByEndpoint(s.app, s.good, { withContent: false })).data[0].response, "{}");
  });
  await w.step("attempts by message: every filter, forward and back", async () => {
    const all = (await messageAttempt.listByMsg(s.app, s.messages[0])).data.map((a) => a.id);
    for (const [filter, want] of [
      [{}, 3],
      [{ endpointId: "bad" }, 2],
      [{ status: success }, 1],
      [{ status: fail }, 2],
      [{ statusCodeClass: 500 }, 2],
      [{ channel: "us" }, 0],
      [{ eventTypes: [s.a] }, 3],
      [{ before: s.began }, 0],
    ]) {
      const have = await walk(all, (page) => messageAttempt.listByMsg(s.app, s.messages[0], { ...page, ...filter }));
      assert.equal(have.length, want, JSON.stringify(filter));
    }
    assert.equal((await messageAttempt.get(s.app, s.messages[0], all[0])).msgId, s.messages[0]);
  });
}

// attempted looks at deliveries, each of which is shown by its newest attempt.
async function attempted(w, s) {
  const { endpoint, messageAttempt } = w.svix;
  await w.step("messages attempted at an endpoint, forward and back", async () => {
    for (const [filter, want] of [
      [{}, [2, 1, 0]],
      [{ status: fail }, [2, 1, 0]],
      [{ status: success }, []],
      [{ channel: "us" }, [1]],
      [{ eventTypes: [s.a] }, [2, 0]],
      [{ before: s.between }, [1, 0]],
    ]) {
      const have = await walk(s.messages, (page) => messageAttempt.listAttemptedMessages(s.app, s.bad, { ...page, ...filter }));
      assert.deepEqual(have, pick(s.messages, want), JSON.stringify(filter));
    }
  });
  await w.step("endpoints where a message was attempted", async () => {
    const { data } = await messageAttempt.listAttemptedDestinations(s.app, s.messages[0]);
    assert.deepEqual(data.map((e) => [e.id, e.status, e.statusText]), [[s.good, success, "success"], [s.bad, fail, "fail"]]);
  });
  await w.step("statistics of an endpoint", async () => {
    assert.equal((await endpoint.getStats(s.app, s.bad, { since: s.began })).fail, 3);
    assert.equal((await endpoint.getStats(s.app, s.good)).success, 3);
    await refused(400, () => endpoint.getStats(s.app, s.bad, { since: new Date(Date.now() - 90 * 86_400_000) }));
  });
}

// replays sends again, once the bad endpoint has recovered.
async function replays(w, s, at) {
  const { endpoint, messageAttempt } = w.svix;
  const ids = (deliveries) => deliveries.map(({ headers }) => headers["Webhook-Id"]).sort();
  await w.step("resend one message", async () => {
    await messageAttempt.resend(s.app, s.messages[0], s.good);
    assert.equal((await w.arrived("good", 4))[3].headers["Webhook-Id"], s.messages[0]);
    await until("the attempt is recorded", async () => (await at(s.good)).length === 4);
    assert.equal((await at(s.good))[0].triggerType, 1);
  });
  await w.step("recover an endpoint, and follow the task to its end", async () => {
    await w.answers("bad", 200);
    const task = await endpoint.recover(s.app, s.bad, { since: s.began });
    assert.equal(task.task, "endpoint.recover");
    await w.finished(task.id, 3, 3);
    assert.deepEqual(ids((await w.arrived("bad", 9)).slice(6)), s.messages.toSorted());
    await until("all have succeeded", async () => (await endpoint.getStats(s.app, s.bad)).success === 3);
    await refused(422, () => endpoint.recover(s.app, s.bad, { since: new Date(Date.now() - 15 * 86_400_000) }));
  });
  await w.step("replay what an endpoint missed, and nothing twice", async () => {
    const late = (await endpoint.create(s.app, { url: w.hook("late") })).id;
    for (const missed of [3, 0]) {
      const task = await endpoint.replayMissing(s.app, late, { since: s.began });
      assert.equal(task.task, "endpoint.replay");
      await w.finished(task.id, 3, missed);
      assert.deepEqual(ids(await w.arrived("late", 3)), s.messages.toSorted());
      await until("the attempts are recorded", async () => (await at(late)).length === 3);
    }
  });
  await w.step("replay what was attempted at an endpoint, and is chosen", async () => {
    const task = await endpoint.bulkReplay(s.app, s.good, { since: s.began, eventTypes: [s.a], status: success, statusCodeClass: 200 });
    assert.equal(task.task, "endpoint.bulk-replay");
    await w.finished(task.id, 3, 2);
    assert.deepEqual(ids((await w.arrived("good", 6)).slice(4)), pick(s.messages, [0, 2]).toSorted());
    await until("the attempts are recorded", async () => (await at(s.good)).length === 6);
    const none = await endpoint.bulkReplay(s.app, s.good, { since: s.began, status: fail });
    await w.finished(none.id, 3, 0);
  });
}
