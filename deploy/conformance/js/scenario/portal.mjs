import assert from "node:assert/strict";
import { refused } from "./world.mjs";

// portal is what an application does with a token of its own.
export async function portal(w) {
  const { application, authentication } = w.svix;
  const app = await w.application("portal");
  const other = await w.application("portal.other");
  let member;
  await w.step("portal access: a token", async () => {
    const access = await authentication.appPortalAccess(app, {});
    assert.ok(access.url);
    member = w.as(access.token);
  });
  await w.step("portal access: what the application may do", async () => {
    const { id } = await member.endpoint.create(app, { url: w.hook("portal") });
    await member.endpoint.getSecret(app, id);
    assert.equal((await member.endpoint.list(app)).data.length, 1);
    await member.messageAttempt.listByEndpoint(app, id);
    await member.message.list(app);
  });
  await w.step("portal access: what it may not", async () => {
    await refused(404, () => member.endpoint.list(other));
    await refused(403, () => member.application.list());
    await refused(403, () => member.application.create({ name: "Mine" }));
    await refused(403, () => member.message.create(app, { eventType: "any", payload: {} }));
  });
  await w.step("portal access: all tokens expire", async () => {
    await authentication.expireAll(app, {});
    await refused(401, () => member.endpoint.list(app));
    await application.delete(app);
    await application.delete(other);
  });
}

export async function sendExample(w) {
  const { application, endpoint, eventType } = w.svix;
  const app = await w.application("example");
  const kind = w.uid("example.kind");
  await w.step("send an example", async () => {
    await eventType.create({ name: kind, description: "Kind", schemas: { 1: { type: "object", examples: [{ n: 1 }] } } });
    const e = await endpoint.create(app, { url: w.hook("example") });
    const m = await endpoint.sendExample(app, e.id, { eventType: kind });
    const [{ headers, body }] = await w.arrived("example", 1);
    assert.equal(headers["Webhook-Id"], m.id);
    assert.equal(body, '{"n":1}');
    await application.delete(app);
  });
}
