import assert from "node:assert/strict";
import { refused, walk } from "./world.mjs";

export async function endpoints(w) {
  const { endpoint, application, eventType } = w.svix;
  const app = await w.application("endpoints");
  const kind = w.uid("endpoints.kind");
  const made = [];
  const url = w.hook("e");
  // Version 1 shows both names of the event types, version 2 one.
  const typesOf = (e) => e.eventTypes ?? e.filterTypes ?? null;
  await w.step("endpoint: create", async () => {
    await eventType.create({ name: kind, description: "Kind" });
    const e = await endpoint.create(app, {
      url, uid: "e", description: "One", ...w.types([kind]), channels: ["eu"], throttleRate: 100, metadata: { a: "b" },
    });
    assert.equal(e.url, url);
    assert.equal(e.uid, "e");
    assert.equal(e.description, "One");
    assert.deepEqual(typesOf(e), [kind]);
    assert.deepEqual(e.channels, ["eu"]);
    assert.equal(e.throttleRate, 100);
    assert.deepEqual(e.metadata, { a: "b" });
    made.push(e.id);
    await refused(409, () => endpoint.create(app, { url, uid: "e" }));
  });
  await w.step("endpoint: bad input is refused", async () => {
    for (const fault of [{ url: "nonsense" }, w.types([w.uid("missing")]), { secret: "whsec_c2hvcnQ=" }, { uid: "ep_x" }]) {
      await refused(422, () => endpoint.create(app, { url, ...fault }));
    }
  });
  await w.step("endpoint: get by id and by uid", async () => {
    assert.equal((await endpoint.get(app, made[0])).uid, "e");
    assert.equal((await endpoint.get(w.uid("endpoints"), "e")).id, made[0]);
    await refused(404, () => endpoint.get(app, "nobody"));
  });
  await w.step("endpoint: update, also one that is not there", async () => {
    const e = await w.upsert(endpoint, app, "e", { url: w.hook("e2"), uid: "e", channels: ["us"] });
    assert.equal(e.id, made[0]);
    assert.equal(e.url, w.hook("e2"));
    assert.equal(typesOf(e), null);
    assert.equal(e.description, "");
    made.push((await w.upsert(endpoint, app, "unknown", { url: w.hook("put"), uid: "put" })).id);
  });
  await w.step("endpoint: patch, also with null", async () => {
    let e = await endpoint.patch(app, "e", { ...w.types([kind]), throttleRate: 5, disabled: true });
    assert.equal(e.url, w.hook("e2"));
    assert.deepEqual(e.channels, ["us"]);
    assert.equal(e.throttleRate, 5);
    assert.equal(e.disabled, true);
    e = await endpoint.patch(app, "e", { ...w.types(null), channels: null, throttleRate: null, uid: null, disabled: false });
    for (const value of [typesOf(e), e.channels, e.throttleRate, e.uid]) assert.equal(value ?? null, null);
    assert.equal(e.disabled, false);
  });
  await w.step("endpoint: list in both orders, forward and back", async () => {
    for (const uid of ["l1", "l2", "l3"]) made.push((await endpoint.create(app, { url, uid })).id);
    made.sort();
    assert.deepEqual(await walk(made, (page) => endpoint.list(app, page)), made.toReversed());
    assert.deepEqual(await walk(made, (page) => endpoint.list(app, { ...page, order: "ascending" })), made);
  });
  await w.step("endpoint: delete", async () => {
    await endpoint.delete(app, made[0]);
    await refused(404, () => endpoint.get(app, made[0]));
    await application.delete(app);
  });
}

// secrets looks at what a receiver gets, with the library's own check.
export async function secrets(w) {
  const { endpoint, application } = w.svix;
  const app = await w.application("secrets");
  let old;
  await w.step("secret: get, and verify a delivery", async () => {
    await endpoint.create(app, { url: w.hook("secret"), uid: "s" });
    old = (await endpoint.getSecret(app, "s")).key;
    const id = await w.post(app, "secret.first");
    const [{ headers, body }] = await w.arrived("secret", 1);
    assert.equal(headers["Webhook-Id"], id);
    assert.equal(headers["Svix-Id"], id);
    const webhook = new w.Webhook(old);
    webhook.verify(body, headers);
    assert.equal(body, '{"kind":"secret.first"}');
    assert.throws(() => webhook.verify(`${body} `, headers));
  });
  await w.step("secret: rotate, and both verify", async () => {
    await endpoint.rotateSecret(app, "s", { gracePeriodSeconds: 3600 });
    const { key } = await endpoint.getSecret(app, "s");
    assert.notEqual(key, old);
    await w.post(app, "secret.second");
    const [, { headers, body }] = await w.arrived("secret", 2);
    for (const either of [old, key]) new w.Webhook(either).verify(body, headers);
  });
  await w.step("secret: rotate to a key of one's own", async () => {
    const key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    await endpoint.rotateSecret(app, "s", { key });
    assert.equal((await endpoint.getSecret(app, "s")).key, key);
    await refused(422, () => endpoint.rotateSecret(app, "s", { key: "whsec_nonsense" }));
    await application.delete(app);
  });
}

export async function headers(w) {
  const { endpoint, application } = w.svix;
  const app = await w.application("headers");
  await w.step("headers: set, get, patch, delete", async () => {
    await endpoint.create(app, { url: w.hook("headers"), uid: "h" });
    await w.setHeaders(app, "h", { headers: { "X-One": "1", "X-Two": "2", "X-Three": "3", Authorization: "Bearer x" } });
    assert.deepEqual(await endpoint.getHeaders(app, "h"), { headers: { "X-One": "1", "X-Two": "2", "X-Three": "3" }, sensitive: ["Authorization"] });
    await endpoint.patchHeaders(app, "h", { headers: { "X-Two": "two" }, deleteHeaders: ["X-Three"] });
    assert.deepEqual((await endpoint.getHeaders(app, "h")).headers, { "X-One": "1", "X-Two": "two" });
    await refused(422, () => w.setHeaders(app, "h", { headers: { "Content-Length": "1" } }));
  });
  await w.step("headers: they are sent", async () => {
    await w.post(app, "headers.sent");
    const [{ headers }] = await w.arrived("headers", 1);
    assert.equal(headers["X-One"], "1");
    assert.equal(headers.Authorization, "Bearer x");
    await application.delete(app);
  });
}
