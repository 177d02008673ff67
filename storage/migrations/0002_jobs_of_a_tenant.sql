-- A tenant's newest jobs, whatever their state: the other index would have all of them sorted first.
CREATE INDEX jobs_by_tenant_newest ON jobs (tenant, seq);
