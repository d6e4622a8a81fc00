// A form whose fields are sent as JSON. The API says what is wrong with them: nobody else's rules stand before it.

import { link, send } from "./api.js";

/**
 * @param start What has the link that the form names.
 * @param asked Is told under which id something is asked for, and in a few words what.
 * @param accepted Is told of the API's answer.
 */
export function serve(form, start, { asked, accepted }) {
  const href = link(start, form.dataset.rel);
  const button = form.querySelector("button");
  const problem = form.querySelector(".problem");
  let key; // of the body that is being sent: until it is answered, it is the same request, however often sent
  let keyed;

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.ariaDisabled) return;
    const fields = [...form.elements].filter((element) => element.name);
    const body = JSON.stringify(Object.fromEntries(fields.flatMap(entry)));
    if (body !== keyed) [key, keyed] = [crypto.randomUUID(), body];
    button.ariaDisabled = "true"; // and not `disabled`, which would take the focus from it
    asked(key, fields[0].value);
    try {
      const { content } = await send("POST", href, { body, key });
      keyed = undefined;
      problem.textContent = "";
      form.reset();
      accepted(content);
    } catch (refusal) {
      if (!refusal.passes) keyed = undefined;
      problem.textContent = refusal.message;
    } finally {
      button.ariaDisabled = null;
    }
  });
}

/** The member that a field is; none if it is empty and may be. */
function entry({ name, value, required, dataset }) {
  if (!value && !required) return [];
  const number = dataset.type === "number" && value.trim() ? Number(value) : NaN;
  return [[name, Number.isNaN(number) ? value : number]];
}
