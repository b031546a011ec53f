/* What is being written stays in its tab, for the same user, through a reload or a lost server. */
const PLACE = "datagen.new";
const read = () => {
  try { return JSON.parse(sessionStorage.getItem(PLACE)); } catch { return null; }
};
export default function ({ data, setTriggerValue }) {
  const before = window.datagenKept;
  if (before !== data.session) { // a reload, or the server knows this tab no more
    window.datagenKept = data.session;
    const kept = read();
    if ((before || data.empty) && kept?.who === data.now.who) {
      setTriggerValue("kept", kept);
      return;
    }
  }
  const keep = () => {
    const now = { ...data.now, texts: { ...data.now.texts } };
    for (const name of Object.keys(now.texts)) {
      const field = document.querySelector(`.st-key-${name} :is(input, textarea)`);
      if (field) now.texts[name] = field.value; // also what was not sent yet
    }
    try { sessionStorage.setItem(PLACE, JSON.stringify(now)); } catch { /* no room: not kept */ }
  };
  keep();
  document.addEventListener("input", keep);
  return () => document.removeEventListener("input", keep);
}
