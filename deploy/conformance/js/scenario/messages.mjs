import assert from "node:assert/strict";
import { pick, refused, walk } from "./world.mjs";

const pause = (ms) => new Promise((wake) => setTimeout(wake, ms));

export async function messages(w) {
  const { message, application } = w.svix;
  const app = await w.application("messages");
  const [a, b] = [w.uid("m.a"), w.uid("m.b")];
  const made = [];
  await w.step("message: create", async () => {
    const order = { eventType: a, eventId: "order-1", payload: { n: 1.5, text: "€" }, channels: ["eu"] };
    const m = await message.create(app, order, { withContent: true });
    assert.equal(m.eventType, a);
    assert.equal(m.eventId, "order-1");
    assert.deepEqual(m.payload, { n: 1.5, text: "€" });
    assert.deepEqual(m.channels, ["eu"]);
    made.push(m.id);
  });
  await w.step("message: an event id is taken", () =>
    refused(409, () => message.create(app, { eventType: a, eventId: "order-1", payload: {} })));
  await w.step("message: bad input is refused", async () => {
    await refused(422, () => message.create(app, { eventType: "", payload: {} }));
    await refused(404, () => message.create(w.uid("nobody"), { eventType: a, payload: {} }));
  });
  await w.step("message: get by id and by event id", async () => {
    assert.deepEqual((await message.get(app, made[0], { withContent: true })).payload, { n: 1.5, text: "€" });
    const m = await message.get(app, "order-1", { withContent: false });
    assert.equal(m.id, made[0]);
    assert.deepEqual(m.payload, {});
  });
  await w.step("message: create raw, and with an application", async () => {
    const uid = w.uid("with");
    const m = await message.create(uid, { ...w.messageInRaw(a, "<xml/>", "text/xml"), application: { name: "With", uid } });
    assert.equal((await message.get(uid, m.id)).id, m.id);
    await application.delete(uid);
  });
  await w.step("message: list with filters, forward and back", async () => {
    made.push(await w.post(app, b, ["eu"]), await w.post(app, a));
    await pause(5); // so that there is a time between them
    const between = new Date();
    await pause(5);
    made.push(await w.post(app, b, ["us", "eu"]), await w.post(app, a, ["us"]));
    for (const [filter, want] of [
      [{}, [4, 3, 2, 1, 0]],
      [{ channel: "eu" }, [3, 1, 0]],
      [{ eventTypes: [a] }, [4, 2, 0]],
      [{ eventTypes: [a, b] }, [4, 3, 2, 1, 0]],
      [{ before: between }, [2, 1, 0]],
      [{ before: between, channel: "eu", eventTypes: [b] }, [1]],
      [{ channel: "nowhere" }, []],
    ]) {
      const have = await walk(made, (page) => message.list(app, { ...page, ...filter }));
      assert.deepEqual(have, pick(made, want), JSON.stringify(filter));
    }
    const after = await message.list(app, { after: between, limit: 1 });
    assert.equal(after.data[0].id, made[3], "after: the oldest page first");
    assert.equal(after.done, false);
  });
  await w.step("message: precheck", async () => {
    assert.deepEqual(await message.precheck(app, { eventType: "any" }), { active: false });
  });
  await w.step("message: expunge its content", async () => {
    await message.expungeContent(app, made[0]);
    assert.deepEqual((await message.get(app, made[0], { withContent: true })).payload, { expired: true });
    await application.delete(app);
  });
}

export async function idempotency(w) {
  const { message, application } = w.svix;
  const app = await w.application("idempotency");
  const post = (idempotencyKey, n) => message.create(app, { eventType: "once", payload: { n } }, { idempotencyKey });
  await w.step("idempotency: the same key gives the same message", async () => {
    const first = await post("key-1", 1);
    assert.equal((await post("key-1", 1)).id, first.id);
    assert.notEqual((await post("key-2", 1)).id, first.id);
  });
  await w.step("idempotency: the same key with another body is refused", async () => {
    await refused(409, () => post("key-1", 2));
    assert.equal((await message.list(app)).data.length, 2);
    await application.delete(app);
  });
}
