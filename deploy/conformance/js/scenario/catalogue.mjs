import assert from "node:assert/strict";
import { refused, walk } from "./world.mjs";

export async function applications(w) {
  const { application } = w.svix;
  const uid = w.uid("app");
  const made = [];
  await w.step("application: create", async () => {
    const app = await application.create({ name: "One", uid, throttleRate: 7, rateLimit: 7, metadata: { plan: "gold" } });
    assert.equal(app.name, "One");
    assert.equal(app.uid, uid);
    assert.equal(app.throttleRate, 7);
    assert.deepEqual(app.metadata, { plan: "gold" });
    assert.ok(app.createdAt instanceof Date);
    made.push(app.id);
  });
  await w.step("application: a uid is taken", () => refused(409, () => application.create({ name: "Two", uid })));
  await w.step("application: get or create", async () => {
    const app = await application.getOrCreate({ name: "Other", uid });
    assert.equal(app.id, made[0]);
    assert.equal(app.name, "One");
    made.push((await application.getOrCreate({ name: "Fresh", uid: w.uid("fresh") })).id);
    assert.notEqual(made[0], made[1]);
  });
  await w.step("application: get by id and by uid", async () => {
    assert.equal((await application.get(made[0])).uid, uid);
    assert.equal((await application.get(uid)).id, made[0]);
    await refused(404, () => application.get(w.uid("nobody")));
  });
  await w.step("application: update, also one that is not there", async () => {
    const app = await w.upsert(application, uid, { name: "Renamed", uid });
    assert.equal(app.id, made[0]);
    assert.equal(app.throttleRate ?? null, null);
    assert.deepEqual(app.metadata, {});
    made.push((await w.upsert(application, w.uid("put"), { name: "Put", uid: w.uid("put") })).id);
  });
  await w.step("application: patch, also with null", async () => {
    let app = await application.patch(uid, { throttleRate: 9 });
    assert.equal(app.name, "Renamed");
    assert.equal(app.throttleRate, 9);
    app = await application.patch(uid, { throttleRate: null });
    assert.equal(app.throttleRate ?? null, null);
  });
  await w.step("application: list in both orders, forward and back", async () => {
    made.push((await application.create({ name: "No uid" })).id);
    made.sort();
    assert.deepEqual(await walk(made, (page) => application.list({ ...page, order: "ascending" })), made);
    assert.deepEqual(await walk(made, (page) => application.list({ ...page, order: "descending" })), made.toReversed());
  });
  await w.step("application: bad input is refused", async () => {
    await refused(422, () => application.create({ name: "" }));
    await refused(422, () => application.list({ iterator: "nonsense" }));
    await refused(401, () => w.as("nonsense").application.list());
  });
  await w.step("application: delete", async () => {
    for (const id of made) await application.delete(id);
    await refused(404, () => application.get(uid));
  });
}

export async function eventTypes(w) {
  const { eventType } = w.svix;
  const [a, b, c] = [w.uid("type.a"), w.uid("type.b"), w.uid("type.c")];
  const list = (includeArchived) => walk([a, b, c], (page) => eventType.list({ ...page, includeArchived }), "name");
  await w.step("event type: create", async () => {
    for (const name of [c, a, b]) {
      const made = await eventType.create({ name, description: `Of ${name}`, schemas: { 1: { type: "object" } } });
      assert.equal(made.name, name);
      assert.equal(made.deprecated, false);
    }
    await refused(409, () => eventType.create({ name: a, description: "again" }));
  });
  await w.step("event type: get", async () => {
    const t = await eventType.get(a);
    assert.equal(t.description, `Of ${a}`);
    assert.deepEqual(t.schemas, { 1: { type: "object" } });
    await refused(404, () => eventType.get(w.uid("type.missing")));
  });
  await w.step("event type: update and patch", async () => {
    let t = await w.upsert(eventType, a, { description: "Updated", deprecated: true });
    assert.equal(t.description, "Updated");
    assert.equal(t.deprecated, true);
    t = await eventType.patch(a, { deprecated: false });
    assert.equal(t.description, "Updated");
    assert.equal(t.deprecated, false);
  });
  await w.step("event type: list by name, forward and back", async () => {
    assert.deepEqual(await list(), [a, b, c]);
    const page = await eventType.list({ withContent: true, limit: 250 });
    assert.ok(page.data.find((t) => t.name === b).schemas);
  });
  await w.step("event type: archive, and take back", async () => {
    await eventType.delete(b);
    assert.deepEqual(await list(), [a, c]);
    assert.deepEqual(await list(true), [a, b, c]);
    assert.equal((await eventType.get(b)).archived, true);
    await eventType.create({ name: b, description: "back" });
    assert.deepEqual(await list(), [a, b, c]);
  });
  await w.step("event type: delete for good", async () => {
    for (const name of [a, b, c]) await eventType.delete(name, { expunge: true });
    await refused(404, () => eventType.get(a));
  });
}
