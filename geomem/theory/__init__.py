r"""The theory of memorization, as a random energy model, and of its geometry, in closed form or by quadrature.

Seen from a state :math:`x` at noise variance :math:`t`, the score of :math:`N` data points is a softmax over their
distances: a partition function :math:`Z = \sum_\mu e^{-E_\mu/t}` with one random energy
:math:`E_\mu = \|x-y^\mu\|^2/2` for each point. Statistical mechanics knows this model well. Above a noise
:math:`t_c(x)` exponentially many points share the weight and the score is that of the population; below, a handful
carries it, the sum freezes, and the score remembers them. Everything follows from one function, the cumulant
:math:`d\,\zeta(\lambda) = \ln\mathbb E\,e^{-\lambda E/t}` of one energy:

- :mod:`geomem.theory.positional` derives it for Gaussian data, with the identity that ties it to information,
  :math:`d\,(\lambda\zeta' - \zeta) = \mathrm{KL}(p(x_0|x)\,\|\,p_0)` at noise :math:`t/\lambda`;
- :mod:`geomem.theory.condensation` finds the noise at which :math:`\ln N` nats are used up: condensation and
  collapse times, and which direction condenses first;
- :mod:`geomem.theory.effective_sample_size` counts the data points that share the weight, exactly at any :math:`N`;
- :mod:`geomem.theory.random_energy_model` holds what is true of any energies: entropy, free entropy, the law of
  the frozen weights, and the exact averages at any :math:`N`;
- :mod:`geomem.theory.freezing` turns weights into geometry: what the posterior covariance keeps below condensation,
  direction by direction, in the limit and exactly, and what a block of directions has lost.

What the population's score knows of the geometry, before any data are drawn:

- :mod:`geomem.theory.random_matrix` has the spectrum of its Jacobian on a random linear manifold, and the gaps.

Quantities are extensive and in nats: :math:`\ln N` and :math:`d\,\zeta`, never divided by the dimension. NumPy
throughout, float64, functions of states vectorized over states, times, and numbers of points. Each docstring says where
its formula comes from and whether it is exact at any size or a limit; outside its regime a function raises
:class:`~geomem.errors.RegimeError` and names what to use there.
"""
