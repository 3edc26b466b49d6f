// Talks to the program. All addresses are relative: the token is the first part of the path.

/** An answer that says why something was not done. */
export class Refused extends Error {
  constructor(status, body) {
    super(body.error ?? `the program answers ${status}`);
    this.status = status;
    this.body = body;
  }
}

async function answer(response) {
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(response.status, body);
  return body;
}

export async function get(name, parameters = {}, signal) {
  const query = new URLSearchParams(parameters).toString();
  return answer(await fetch(`api/${name}${query ? `?${query}` : ""}`, { signal }));
}

export async function post(name, body) {
  return answer(
    await fetch(`api/${name}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    }),
  );
}
