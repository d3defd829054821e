# Aliases of ./run, for fingers that type make. ARGS="--port 9000" passes arguments on.
.PHONY: demo test check wheel timing faults mutate bench

demo test check wheel timing faults mutate bench:
	@./run $@ $(ARGS)
