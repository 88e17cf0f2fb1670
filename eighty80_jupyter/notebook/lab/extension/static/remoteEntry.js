// What JupyterLab asks for an extension: a container of webpack's module federation, by hand.
// Where a module is missing or has another shape there are fewer plugins, and nothing else happens.
{
	const here = document.currentScript.src;
	let scope;
	const use = async name => {
		const versions = Object.values(scope[name]);
		return (await (versions.find(each => each.loaded) ?? versions.at(-1)).get())();
	};
	const plugin = async name => {
		try {
			const { default: make } = await import(new URL(`${name}.js`, here));
			return { id: `eighty80-jupyter:${name}`, autoStart: true, ...await make(use) };
		} catch (error) {
			console.debug(`eighty80-jupyter: no ${name} here`, error);
		}
	};
	(window._JUPYTERLAB ??= {})["eighty80-jupyter"] = {
		init: shared => { scope = shared; },
		get: async () => {
			const plugins = await Promise.all(["prompts", "commands", "panel", "put"].map(plugin));
			return () => ({ __esModule: true, default: plugins.filter(Boolean) });
		},
	};
}
