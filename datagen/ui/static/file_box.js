/* A file is read here and told as text: nothing is uploaded that the page did not ask for. */
export default function ({ data, parentElement, setTriggerValue }) {
  const box = parentElement.querySelector("label");
  const input = parentElement.querySelector("input");
  parentElement.querySelector(".limit").textContent = `${data.limit / 1000} KB`;

  const read = async (file) => {
    if (file.size > data.limit) return { problem: "size" };
    try {
      const bytes = await file.arrayBuffer();
      return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
    } catch (error) {
      return { problem: error instanceof TypeError ? "encoding" : "unreadable" };
    }
  };
  const take = async (files) => {
    if (files.length === 0) return;
    document.activeElement?.blur(); // a field that is being typed in tells its text first
    setTriggerValue("file", { name: files[0].name, ...(await read(files[0])) });
  };

  input.onchange = async () => {
    await take(input.files);
    input.value = ""; // the same file, mended, can be chosen again
  };
  box.ondragover = (event) => {
    event.preventDefault();
    box.classList.add("over");
  };
  box.ondragleave = () => box.classList.remove("over");
  box.ondrop = (event) => {
    event.preventDefault();
    box.classList.remove("over");
    take(event.dataTransfer.files);
  };
}
