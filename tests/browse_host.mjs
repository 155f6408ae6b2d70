// A host of MCP Apps for tests: opens the page of a real server in Chromium as a chat would, and does what it is told.
//
//   node browse_host.mjs NODE_MODULES CHROMIUM
//
// Reads one JSON object a line, answers each with one. The page lies in a sandboxed frame inside a proxy of another
// origin, under the policy of the specification; what it asks of its host is passed on to the server over HTTP.
import { Agent, request } from "node:http";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";

const [modules, executablePath] = process.argv.slice(2);
const { chromium } = await import(pathToFileURL(`${modules}/playwright-core/index.mjs`));
const UI = "io.modelcontextprotocol/ui";
const HOST = "http://host.test/";
const SANDBOX = "http://sandbox.test/";
const PATIENCE = 15_000;
const once = new Agent({ keepAlive: false });

const HOST_PAGE = `<!doctype html><title>host</title>
<iframe src="${SANDBOX}" sandbox="allow-scripts allow-same-origin" style="width:600px;height:800px"></iframe>
<script>
const proxy = document.querySelector("iframe");
const send = (message) => proxy.contentWindow.postMessage({ jsonrpc: "2.0", ...message }, "${SANDBOX}");
addEventListener("message", async ({ source, origin, data }) => {
  if (source === proxy.contentWindow && origin + "/" === "${SANDBOX}") (await heard(data)).forEach(send);
});
</script>`;

const PROXY_PAGE = `<!doctype html><title>proxy</title><body><script>
const view = document.createElement("iframe");
view.sandbox = "allow-scripts";
view.style = "width:100%;height:760px";
addEventListener("message", ({ source, data }) => {
  if (source === view.contentWindow) parent.postMessage(data, "${HOST}");
  else if (source === parent && data.method === "ui/notifications/sandbox-resource-ready") {
    view.srcdoc = data.params.html;
    document.body.append(view);
  } else if (source === parent) view.contentWindow.postMessage(data, "*");
});
parent.postMessage({ jsonrpc: "2.0", method: "ui/notifications/sandbox-proxy-ready", params: {} }, "${HOST}");
</script>`;

function policy(csp) {
  const from = (domains, otherwise) => (domains?.length ? domains.join(" ") : otherwise);
  const files = `'self' ${from(csp.resourceDomains, "")}`;
  return [
    "default-src 'none'",
    `script-src ${files} 'unsafe-inline'`,
    `style-src ${files} 'unsafe-inline'`,
    `img-src ${files} data:`,
    `media-src ${files} data:`,
    `connect-src ${from(csp.connectDomains, "'none'")}`,
    `frame-src ${from(csp.frameDomains, "'none'")}`,
    `base-uri ${from(csp.baseUriDomains, "'self'")}`,
    "object-src 'none'",
  ].join("; ");
}

async function server({ url, token, says }, method, params) {
  const about = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": { name: "browse-host", version: "1" },
    "io.modelcontextprotocol/clientCapabilities": {
      extensions: { [UI]: { mimeTypes: ["text/html;profile=mcp-app"] } },
      ...(says && { elicitation: { form: {} } }),
    },
  };
  const headers = {
    Accept: "application/json, text/event-stream",
    Authorization: `Bearer ${token}`,
    "Content-Type": "application/json",
    "MCP-Protocol-Version": "2026-07-28",
    "Mcp-Method": method,
  };
  const name = params.name ?? params.uri;
  if (name) headers["Mcp-Name"] = name;
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: { ...params, _meta: about } });
  const answer = await new Promise((resolve, reject) => {
    const asked = request(url, { method: "POST", headers, agent: once }, (answered) => text(answered).then(resolve, reject));
    asked.on("error", reject).end(body);
  });
  const line = answer.startsWith("{") ? answer : answer.split("\n").filter((each) => each.startsWith("data:")).at(-1).slice(5);
  const message = JSON.parse(line);
  if (message.result?.resultType !== "input_required") return message;
  const { inputRequests, requestState } = message.result; // the server asks the user: he says what the test says
  const inputResponses = Object.fromEntries(Object.keys(inputRequests).map((key) => [key, { action: says }]));
  return server({ url, token, says }, method, { ...params, inputResponses, requestState });
}

const browser = await chromium.launch({ executablePath, headless: true });
let at, page, frame, seen;

async function close() {
  await page?.close();
  page = undefined;
}

async function open({ tool, arguments: given, theme, scheme, capabilities, ...where }) {
  await close();
  at = where;
  seen = { calls: [], requests: [], errors: [], links: [], context: [], sizes: [] };
  const { contents } = (await server(at, "resources/read", { uri: "ui://memos/browse.html" })).result;
  const [{ text: html, mimeType, _meta }] = contents;
  const { result } = await server(at, "tools/call", { name: tool, arguments: given });
  page = await browser.newPage({ colorScheme: scheme ?? "light" });
  page.setDefaultTimeout(PATIENCE);
  page.on("console", (message) => message.type() === "error" && seen.errors.push(message.text()));
  page.on("pageerror", (error) => seen.errors.push(String(error)));
  page.on("dialog", (dialog) => seen.errors.push(dialog.message()) && dialog.dismiss());
  await page.route("**/*", (route) => {
    const wanted = route.request().url();
    if (wanted === HOST) return route.fulfill({ contentType: "text/html", body: HOST_PAGE });
    if (wanted === SANDBOX) {
      const headers = { "Content-Security-Policy": policy(_meta.ui.csp) };
      return route.fulfill({ contentType: "text/html", headers, body: PROXY_PAGE });
    }
    seen.requests.push(wanted);
    return route.abort();
  });
  const asks = {
    "ui/notifications/sandbox-proxy-ready": () => [
      { method: "ui/notifications/sandbox-resource-ready", params: { html, csp: _meta.ui.csp } },
    ],
    "ui/initialize": ({ id, params }) => [{
      id,
      result: {
        protocolVersion: params.protocolVersion,
        hostInfo: { name: "browse-host", version: "1" },
        hostCapabilities: { serverTools: {}, openLinks: {}, updateModelContext: { text: {} }, ...capabilities },
        hostContext: { displayMode: "inline", toolInfo: { tool: { name: tool, inputSchema: {} } }, ...(theme && { theme }) },
      },
    }],
    "ui/notifications/initialized": () => [
      { method: "ui/notifications/tool-input", params: { arguments: given } },
      { method: "ui/notifications/tool-result", params: result },
    ],
    "ui/notifications/size-changed": ({ params }) => seen.sizes.push(params) && [],
    "ui/open-link": ({ id, params }) => seen.links.push(params.url) && [{ id, result: {} }],
    "ui/update-model-context": ({ id, params }) => seen.context.push(params) && [{ id, result: {} }],
    "tools/call": async ({ id, params }) => {
      seen.calls.push(params);
      const { result, error } = await server(at, "tools/call", params);
      return [error ? { id, error } : { id, result }];
    },
  };
  await page.exposeFunction("heard", (message) => asks[message.method]?.(message) ?? []);
  await page.goto(HOST);
  frame = page.frameLocator("iframe").frameLocator("iframe");
  await idle();
  return { mimeType };
}

const byRole = ({ role, name }) => frame.getByRole(role, { name, exact: true });
const within = () => page.frames().at(-1);
const idle = () => frame.locator("main[aria-busy=false]").waitFor();

async function until(met, what) {
  for (const end = Date.now() + PATIENCE; !(await met()); await new Promise((resolve) => setTimeout(resolve, 20))) {
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
  }
}

const does = {
  open,
  close,
  click: (what) => byRole(what).click(),
  fill: ({ label, text }) => frame.getByLabel(label, { exact: true }).fill(text),
  choose: ({ label, text }) => frame.getByLabel(label, { exact: true }).selectOption(text),
  press: ({ key }) => page.keyboard.press(key),
  type: ({ text }) => page.keyboard.type(text),
  see: ({ text }) => frame.getByText(text).filter({ visible: true }).first().waitFor(),
  gone: (what) => byRole(what).waitFor({ state: "hidden" }),
  status: async ({ text }) => (await idle(), frame.getByRole("status").filter({ hasText: text }).waitFor()),
  memories: async () => (await idle(), frame.locator(".memory .words").allTextContents()),
  history: () => frame.getByRole("list", { name: "History" }).locator("li").allTextContents(),
  alert: () => frame.getByRole("alert").textContent(),
  value: ({ label }) => frame.getByLabel(label, { exact: true }).inputValue(),
  run: ({ script }) => within().evaluate(script),
  until: ({ script, value }) => until(async () => (await within().evaluate(script)) === value, `${script} to be ${value}`),
  heard: ({ of }) => until(() => seen[of].length, of),
  higher: ({ than }) => until(() => seen.sizes.at(-1).height > than, `more than ${than}`),
  context: ({ params }) => page.evaluate((params) => send({ method: "ui/notifications/host-context-changed", params }), params),
  seen: () => seen,
};

for await (const line of createInterface({ input: process.stdin })) {
  const { do: what, ...more } = JSON.parse(line);
  let answer;
  try {
    answer = { value: (await does[what](more)) ?? null };
  } catch (error) {
    answer = { error: String(error), page: page ? await within().evaluate("document.body.innerText").catch(String) : "" };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
