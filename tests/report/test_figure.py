import json
import os
import platform
import re
import subprocess
import sys
import tomllib
from hashlib import sha256
from pathlib import Path

import IPython
import numpy as np
import pytest
import torch
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.testing.compare import compare_images

import geomem
from geomem.errors import FigureError
from geomem.report import style
from geomem.report.arrays import array_hash
from geomem.report.figure import VOLATILE, publish

CAPTION = "The square of x grows faster than x does, see {eq}`eq-square`."
ALT = "Three points on a curve that rises from zero at zero to four at two."
FILES = {"fig.svg", "fig-dark.svg", "fig.png", "data.nc", "data.csv", "record.json"}


def parabola():
    fig, ax = plt.subplots(figsize=(2, 1.5))
    ax.plot([0, 1, 2], [0, 1, 4], "o-", label="$x^2$")
    ax.set(xlabel="$x$", ylabel="square")
    ax.legend()
    return fig


def bare():
    """A figure that is drawn quickly."""
    return Figure(figsize=(0.5, 0.5), layout="none")


def put(data, fig=None, id="fig-square", *, caption=CAPTION, alt=ALT, seeds=(), tolerance="deterministic"):
    publish(fig or bare(), id, caption=caption, alt=alt, data=data, seeds=list(seeds), tolerance=tolerance)


def record(run, id="fig-square"):
    return json.loads((run / "figures" / id / "record.json").read_text())


def test_all_files_are_there_and_say_the_same(run, data, monkeypatch):
    monkeypatch.setenv("GEOMEM_CHAPTER", "squares")
    monkeypatch.setenv("GEOMEM_PARAMETERS", '{"profile": "quick", "seed": 3}')
    monkeypatch.setenv("GEOMEM_COMMIT", "0123abc")
    put(data, parabola(), seeds=[3, np.int64(4)], tolerance="stochastic")
    folder = run / "figures" / "fig-square"
    assert {path.name for path in folder.iterdir()} == FILES
    assert [path.name for path in folder.parent.iterdir()] == ["fig-square"]
    found = record(run)
    stated = {
        name: found[name] for name in ("id", "caption", "alt", "seeds", "tolerance", "chapter", "profile", "commit")
    }
    assert stated == {
        "id": "fig-square",
        "caption": CAPTION,
        "alt": ALT,
        "seeds": [3, 4],
        "tolerance": "stochastic",
        "chapter": "squares",
        "profile": "quick",
        "commit": "0123abc",
    }
    assert found["parameters"] == {"profile": "quick", "seed": 3}
    assert found["array_hash"] == array_hash(xr.load_dataset(folder / "data.nc", engine="h5netcdf"))
    assert found["files"] == {
        name: sha256((folder / name).read_bytes()).hexdigest() for name in FILES - {"record.json"}
    }
    assert found["data_hash"] == found["files"]["data.nc"]
    attributes = xr.load_dataset(folder / "data.nc", engine="h5netcdf").attrs
    assert attributes == {"figure": "fig-square", "geomem": geomem.__version__, "seeds": "3, 4"}
    assert found["versions"]["geomem"] == geomem.__version__
    assert found["versions"]["torch"] == torch.__version__
    assert found["versions"]["python"] == platform.python_version()
    assert platform.machine() in found["device"]


def test_the_wall_time_is_that_since_the_previous_figure(run, data, monkeypatch):
    times = iter([10.0, 12.5])
    monkeypatch.setattr("time.perf_counter", lambda: next(times))
    monkeypatch.setitem(sys.modules["geomem.report.figure"]._clock, "last", 3.0)
    put(data)
    put(data, id="fig-next", alt=ALT + " Again.")
    assert [record(run, id)["wall_time_seconds"] for id in ("fig-square", "fig-next")] == [7.0, 2.5]


@pytest.mark.parametrize("cuda", [True, False])
def test_the_device_is_named(run, data, monkeypatch, cuda):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a large GPU")
    put(data)
    assert record(run)["device"].endswith("a large GPU") == cuda


def test_without_torch_none_is_named(run, data, monkeypatch):
    monkeypatch.delitem(sys.modules, "torch")
    put(data)
    assert "torch" not in record(run)["versions"]


def test_one_picture_is_displayed_with_its_description(run, data, displayed):
    fig = parabola()
    put(data, fig)
    [(output, metadata)] = displayed
    assert set(output) == {"image/png", "text/plain"}
    assert output["image/png"].startswith("iVBORw0KGgo")  # the PNG signature in base 64
    assert output["text/plain"] == f"fig-square: {ALT}"
    assert metadata["geomem"] == {"id": "fig-square", "caption": CAPTION, "alt": ALT, "array_hash": array_hash(data)}
    assert metadata["image/png"] == {"width": 180, "height": 135}
    assert not plt.fignum_exists(fig.number)


def test_by_hand_it_is_displayed_and_nothing_is_written(data, displayed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):  # a cell may be run again
        put(data)
    assert len(displayed) == 2
    assert not any(tmp_path.iterdir())


def test_nothing_is_displayed_outside_a_notebook(data, monkeypatch, capfd):
    put(data)  # IPython is installed, but this is no notebook
    monkeypatch.setitem(sys.modules, "IPython", None)
    put(data)
    assert IPython.get_ipython() is None
    assert capfd.readouterr() == ("", "")


def test_light_and_dark_differ_and_the_png_is_the_light_one(run, data, tmp_path):
    put(data, parabola())
    folder = run / "figures" / "fig-square"
    light, dark = ((folder / name).read_text() for name in ("fig.svg", "fig-dark.svg"))
    assert style.COLORS["paper"] in light
    assert style.COLORS["paper"] not in dark
    assert style.DARK["paper"] in dark
    expected = parabola()
    expected.draw_without_rendering()
    expected.set_layout_engine("none")
    expected.savefig(tmp_path / "expected.png", dpi=180)
    assert compare_images(tmp_path / "expected.png", folder / "fig.png", tol=0) is None


def test_two_processes_write_the_same_bytes(tmp_path):
    """The whole of a small chapter, run twice, with other hash seeds: the records differ in volatile fields only."""
    code = f"""
import numpy as np, xarray as xr
from matplotlib import pyplot as plt
from geomem.report import style
from geomem.report.claim import claim
from geomem.report.figure import publish
style.use()
fig, axes = plt.subplots(1, 2)
x = np.random.default_rng(0).normal(size=(8, 8))
axes[0].imshow(x); axes[0].set_axis_off()
axes[1].plot(x[0], x[1], "s", label="points"); axes[1].set(xlabel="first", ylabel="second"); axes[1].legend()
style.band(axes[1], [-1, 1], [0, 0], [1, 1], "red")
data = xr.Dataset({{"x": (("i", "j"), x, {{"long_name": "noise", "units": "1"}})}})
publish(fig, "fig-noise", caption={CAPTION!r}, alt={ALT!r}, data=data, seeds=[0], tolerance=1e-9)
claim("largest", x.max(), 0, np.inf, "The largest of many normal numbers is positive.", basis="theory")
"""
    runs = [tmp_path / "one", tmp_path / "two"]
    for run, hash_seed in zip(runs, "12", strict=True):
        environment = {"GEOMEM_RUN": str(run), "PYTHONHASHSEED": hash_seed, "MPLBACKEND": "agg", "PATH": ""}
        root = Path(__file__).parents[2]
        subprocess.run([sys.executable, "-W", "error", "-c", code], env=environment, cwd=root, check=True)
    contents = []
    for run in runs:
        content = {p.relative_to(run).as_posix(): p.read_bytes() for p in run.rglob("*") if p.is_file()}
        found = json.loads(content.pop("figures/fig-noise/record.json"))
        contents.append((content, {name: found[name] for name in set(found) - set(VOLATILE)}))
    assert len(contents[0][0]) == 6
    assert contents[0] == contents[1]


@pytest.mark.parametrize("id", ["square", "fig-", "fig-Square", "fig-a_b", "fig-a/../b", "fig-square\n"])
def test_ids_have_one_form(data, id):
    with pytest.raises(FigureError, match="got the id"):
        put(data, id=id)


@pytest.mark.parametrize("name", ["caption", "alt"])
@pytest.mark.parametrize("text", ["", 39 * "x", 39 * "x" + 10 * " ", None])
@pytest.mark.usefixtures("unchecked")
def test_descriptions_are_not_missing_or_short(data, name, text):
    with pytest.raises(FigureError, match=f"got the {name}.* at least 40 characters"):
        put(data, **{name: text})


def test_forty_characters_are_enough(data):
    put(data, caption=40 * "c", alt=40 * "a")


def test_the_alt_text_is_not_the_caption(data):
    with pytest.raises(FigureError, match="repeats the caption"):
        put(data, alt=CAPTION.upper().replace(" ", "  "))


def test_ids_and_alt_texts_are_used_once_in_a_run(run, data):
    put(data)
    with pytest.raises(FigureError, match="fig-square is published twice"):
        put(data, alt=ALT + " Again.")
    with pytest.raises(FigureError, match="the alt text is that of fig-square"):
        put(data, id="fig-next", alt=ALT.upper())
    put(data, id="fig-next", alt=ALT + " Again.")
    assert {path.name for path in (run / "figures").iterdir()} == {"fig-square", "fig-next"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seeds": "01"}, "expected a list of integers"),
        ({"seeds": [0.5]}, "expected a list of integers"),
        ({"tolerance": "loose"}, "got tolerance 'loose'"),
        ({"tolerance": 0.0}, "got tolerance 0.0"),
        ({"tolerance": -1e-3}, "got tolerance -0.001"),
        ({"tolerance": np.inf}, "got tolerance inf"),
        ({"tolerance": np.nan}, "got tolerance nan"),
        ({"tolerance": "stochastic", "seeds": []}, "needs the seeds"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_seeds_and_tolerance_are_stated(run, data, change, message):
    arguments = {"caption": CAPTION, "alt": ALT, "data": data, "seeds": [0], "tolerance": 1e-9} | change
    with pytest.raises(FigureError, match=message):
        publish(bare(), "fig-square", **arguments)
    assert not (run / "figures").exists()


def test_data_are_checked(run):
    with pytest.raises(FigureError, match="holds no variable"):
        put(xr.Dataset())
    assert not (run / "figures").exists()


def test_a_foreign_color_is_named(run, data):
    fig = parabola()
    fig.axes[0].axhline(1, color="#ff0000")
    with pytest.raises(FigureError, match=r"color #ff0000 \(drawn by 'line2d_\d+'\) is not in the style"):
        put(data, fig)
    assert not (run / "figures").exists()


def test_color_scales_are_images_or_rasterized_meshes(data):
    values = np.arange(12.0).reshape(3, 4)
    for rasterized in (True, False):
        fig, (left, right) = plt.subplots(1, 2)
        image = left.imshow(values)
        left.set(xlabel="column", ylabel="row")
        fig.colorbar(image, ax=left, label="value")
        right.pcolormesh(values, rasterized=rasterized)
        right.set(xlabel="column", ylabel="row")
        if rasterized:
            put(data, fig)
        else:
            with pytest.raises(FigureError, match="rasterized=True"):
                put(data, fig)


def test_a_foreign_color_scale_is_named(data):
    values = np.arange(12.0).reshape(3, 4)
    for draw in ("imshow", "pcolormesh"):
        fig, ax = plt.subplots()
        getattr(ax, draw)(values, cmap="jet", rasterized=True)
        ax.set_axis_off()
        with pytest.raises(FigureError, match="got the color scale 'jet'"):
            put(data, fig)
    fig, ax = plt.subplots()
    ax.imshow(values, cmap=f"{style.IMAGE_CMAP}_r")
    ax.set_axis_off()
    put(data, fig)


def test_curves_are_not_rasterized(data):
    fig = parabola()
    fig.axes[0].plot([0, 1], [1, 0], color="#ff0000", rasterized=True)  # hidden from the colors of the SVG
    with pytest.raises(FigureError, match="only images and meshes"):
        put(data, fig)


@pytest.mark.parametrize("name", ["x", "y"])
def test_an_axis_with_numbers_has_a_label(data, name):
    fig = parabola()
    getattr(fig.axes[0], f"set_{name}label")(" ")
    with pytest.raises(FigureError, match=f"a {name} axis with the numbers .* has no label; call ax.set_{name}label"):
        put(data, fig)


@pytest.mark.parametrize("extra", ["inset", "second axis", "color bar", "subfigure"])
def test_every_kind_of_axes_is_looked_at(data, extra):
    fig = parabola()
    if extra == "inset":
        fig.axes[0].inset_axes([0.5, 0.5, 0.4, 0.4])
    elif extra == "second axis":
        fig.axes[0].secondary_yaxis("right")
    elif extra == "color bar":
        fig.colorbar(fig.axes[0].imshow(np.eye(2)))
    else:
        fig = plt.figure()
        fig.subfigures(1, 2)[1].subplots()
    with pytest.raises(FigureError, match="has no label"):
        put(data, fig)


def test_pictures_shared_axes_and_twins_need_no_second_label(data):
    fig, axes = plt.subplots(2, 3, sharex=True, sharey=True)
    for ax in axes[0]:
        ax.set_axis_off()
    axes[1, 2].set_visible(False)
    fig.supxlabel("below all")
    axes[1, 0].set_ylabel("left of the row")
    twin = axes[1, 1].twinx()
    twin.set_ylabel("on the right")
    twin.secondary_xaxis("top").set_xlabel("above")
    axes[1, 0].inset_axes([0.5, 0.5, 0.4, 0.4]).set(xticks=[], yticks=[])
    put(data, fig)


def test_the_usual_plots_stay_within_the_style(data):
    """Every default that matplotlib takes from its settings is one of the style's colors."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=20)
    fig, axes = plt.subplots(3, 3, figsize=style.figsize(3, 3))
    axes[0, 0].plot(x[None, :6], x[None, 6:12], "o")
    axes[0, 1].hist(x, hatch="/", label="counts")
    axes[0, 1].legend(title="title")
    axes[0, 2].errorbar([1, 2], [1, 2], yerr=[0.1, 0.2], fmt="s", capsize=3)
    axes[1, 0].boxplot(x, showmeans=True)
    axes[1, 1].scatter(x, x)
    axes[1, 2].bar([1, 2], [3, 4], yerr=1, ecolor=style.COLORS["ink"])
    axes[2, 0].annotate("here", (0.5, 0.5), (0.1, 0.1), arrowprops={"arrowstyle": "->"}, bbox={"alpha": 0.5})
    axes[2, 1].stem([1, 2], [1, 2])
    axes[2, 1].axvspan(0, 1, alpha=0.2)
    axes[2, 2].loglog([1, 10], [1, 100])
    axes[2, 2].step([1, 10], [1, 100])
    for ax in axes.flat:
        ax.set(xlabel="abscissa", ylabel="ordinate", title="title")
    put(data, fig)


@pytest.mark.parametrize("refused", sorted(FILES))
def test_the_folder_appears_at_once_or_never(run, data, monkeypatch, refused):
    replace = os.replace

    def refusing(source, target):
        if Path(target).name == refused:
            raise OSError("the disk is full")
        replace(source, target)

    monkeypatch.setattr(os, "replace", refusing)
    with pytest.raises(OSError, match="disk is full"):
        put(data)
    assert not (run / "figures" / "fig-square").exists()


def test_what_an_interrupted_run_left_is_removed(run, data):
    unfinished = run / "figures" / ".fig-square.tmp"
    unfinished.mkdir(parents=True)
    (unfinished / "record.json").write_text("{")
    (unfinished / "stray").write_text("")
    put(data)
    assert [path.name for path in (run / "figures").iterdir()] == ["fig-square"]
    assert {path.name for path in (run / "figures" / "fig-square").iterdir()} == FILES


def test_sources_of_a_record_are_the_installed_ones(run, data):
    put(data)
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    required = {re.split(r"[<>=~!\[ ]", name)[0] for name in project["dependencies"]}
    assert {"numpy", "matplotlib", "xarray"} <= set(record(run)["versions"]) & required
