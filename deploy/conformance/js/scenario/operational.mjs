import assert from "node:assert/strict";
import { refused, until } from "./world.mjs";

// operational webhooks tell the operator what happens to endpoints. They tell of
// those of other clients too, since they are of no application.
export async function operational(w) {
  const { application, endpoint } = w.svix;
  const endpoints = w.svix.operationalWebhook?.endpoint ?? w.svix.operationalWebhookEndpoint;
  const setHeaders = endpoints.setHeaders ?? endpoints.updateHeaders;
  let id;
  let app;
  await w.step("operational webhook: create, get, list, update", async () => {
    id = (await endpoints.create({ url: w.hook("none"), ...w.types(["endpoint.deleted"]) })).id;
    assert.equal((await endpoints.get(id)).url, w.hook("none"));
    const e = await w.upsert(endpoints, id, { url: w.hook("operational"), ...w.types(["endpoint.created"]) });
    assert.deepEqual(e.eventTypes ?? e.filterTypes, ["endpoint.created"]);
    assert.ok((await endpoints.list({ limit: 250 })).data.length > 0);
  });
  await w.step("operational webhook: headers and secret", async () => {
    await setHeaders.call(endpoints, id, { headers: { "X-Ours": "1" } });
    assert.deepEqual((await endpoints.getHeaders(id)).headers, { "X-Ours": "1" });
    await endpoints.rotateSecret(id, {});
  });
  await w.step("operational webhook: an endpoint is created", async () => {
    app = await w.application("operational");
    const made = await endpoint.create(app, { url: w.hook("x"), uid: "o" });
    const webhook = new w.Webhook((await endpoints.getSecret(id)).key);
    await until("it is told of", async () => {
      const all = await w.arrived("operational", 1);
      for (const { headers, body } of all) webhook.verify(body, headers);
      return all.some(({ body }) => {
        const { type, data } = JSON.parse(body);
        return type === "endpoint.created" && data.endpointId === made.id && data.appId === app;
      });
    });
  });
  await w.step("operational webhook: delete", async () => {
    await endpoints.delete(id);
    await refused(404, () => endpoints.get(id));
    await application.delete(app);
  });
}
