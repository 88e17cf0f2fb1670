// What JupyterLab asks for an extension: a container of webpack's module federation, by hand.
// Where a module is missing or has another shape there are fewer plugins, and nothing else happens.
(() => {
  const here = document.currentScript.src;
  let scope = {};
  const use = async name => {
    const versions = Object.values(scope[name]);
    const version = versions.find(each => each.loaded) ?? versions.at(-1);
    return (await version.get())();
  };
  (window._JUPYTERLAB ??= {})["eighty80-jupyter"] = {
    init(shared) { scope = shared; },
    async get() {
      const plugins = [];
      for (const name of ["prompts", "commands", "panel"]) {
        try {
          plugins.push(await (await import(new URL(`${name}.js`, here))).default(use));
        } catch (error) {
          console.debug(`eighty80-jupyter: no ${name} here`, error);
        }
      }
      return () => ({ __esModule: true, default: plugins });
    },
  };
})();
